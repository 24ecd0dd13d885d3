//! Exec to first accept, and the memory of a server without sessions.

use super::{Effort, settled_resident_bytes};
use crate::error::BenchError;
use crate::results::{Figure, Results};
use crate::subject::Subject;

/// Takes the figures of one round; the server must have run before in its folder, so this is a second start.
pub(crate) fn round(
    subject: &Subject,
    _: &Effort,
    results: &mut Results,
) -> Result<(), BenchError> {
    let mut instance = subject.execute()?;
    let signs = subject.first_signs(&mut instance)?;
    results.add(Figure::StartAccept, subject.kind, signs.connected.as_secs_f64() * 1e3);
    results.add(Figure::StartAnswer, subject.kind, signs.answered.as_secs_f64() * 1e3);
    let resident = settled_resident_bytes(instance.pid())?;
    results.add(Figure::Empty, subject.kind, super::ratio(resident, 1 << 20));
    instance.stop()
}

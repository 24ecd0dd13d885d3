//! What every form needs: the database, its tables, the time, and somebody who waits.

use std::sync::Arc;

use kernel::Kernel;
use kernel::commands::Progress;
use store::Store;

use crate::passwords::Passwords;
use crate::sink::Sink;
use crate::tables::Tables;
use crate::words::Pace;

/// One export or import.
#[derive(Clone)]
pub struct Migration {
    pub(crate) store: Store,
    pub(crate) tables: Arc<Tables>,
    pub(crate) kernel: Kernel,
    pub(crate) progress: Progress,
}

impl Migration {
    /// An export or import of a running server.
    pub fn new(kernel: &Kernel, progress: Progress) -> Self {
        let tables = Arc::new(Tables::of(kernel));
        Self { store: kernel.store().clone(), tables, kernel: kernel.clone(), progress }
    }

    pub(crate) fn pace(&self) -> Pace {
        Pace::new(self.progress.clone(), self.kernel.clock().clone())
    }

    pub(crate) fn sink(&self) -> Sink {
        Sink::new(self.store.clone(), self.tables.clone())
    }

    pub(crate) fn passwords(&self) -> Passwords {
        Passwords::new(self.kernel.accounts().clone())
    }
}

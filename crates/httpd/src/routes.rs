//! Which handler answers below which path.

use std::sync::Arc;

use crate::Handler;

/// The handlers of a listener, in the order of the file.
#[derive(Default)]
pub struct Routes(Vec<(Vec<String>, Arc<dyn Handler>)>);

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

impl Routes {
    /// Lets a handler answer at a path and below it.
    pub fn add(&mut self, path: &str, handler: Arc<dyn Handler>) {
        self.0.push((segments(path).map(str::to_owned).collect(), handler));
    }

    /// COMPAT: the first path of the file that fits counts, not the longest.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<dyn Handler>> {
        let asked: Vec<&str> = segments(path).collect();
        let fits = |route: &[String]| {
            route.len() <= asked.len() && route.iter().zip(&asked).all(|(one, other)| one == other)
        };
        self.0.iter().find(|(route, _)| fits(route)).map(|(_, handler)| handler)
    }
}

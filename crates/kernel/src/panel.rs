//! Panels: what a door or module shows on pages for administrators, as data.
//!
//! Pages are those of ejabberd's Web Admin; whoever draws them finds here what stands on which.

/// Whose page it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// The server with all its hosts.
    Server,
    /// The node: the running process.
    Node,
    /// One host.
    Host,
    /// One account.
    User,
}

impl Place {
    /// Where pages of this kind are, below the root of the Web Admin.
    pub fn path(self) -> &'static str {
        match self {
            Self::Server => "/",
            Self::Node => "/node/<node>/",
            Self::Host => "/server/<host>/",
            Self::User => "/server/<host>/user/<user>/",
        }
    }
}

/// A panel: commands to give and numbers to see, under one title.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Whose page it is on.
    pub place: Place,
    /// The last word of the page's path; empty for the page of the place itself.
    pub page: &'static str,
    /// The page's title.
    pub title: &'static str,
    /// Commands, in the order in which they stand there; the page knows host and user.
    pub commands: &'static [&'static str],
    /// Metrics shown beside them.
    pub metrics: &'static [&'static str],
}

impl Panel {
    /// What most panels have, to be completed: `Panel { place, page, title, commands, ..Panel::PLAIN }`.
    pub const PLAIN: Self =
        Self { place: Place::Server, page: "", title: "", commands: &[], metrics: &[] };

    /// The path of its page, as ejabberd has it.
    pub fn path(&self) -> String {
        match self.page {
            "" => self.place.path().to_owned(),
            page => format!("{}{page}/", self.place.path()),
        }
    }
}

//! The back-ends that `auth_method` can name, one file each.

pub(crate) mod anonymous;
pub(crate) mod sql;
mod store;

/// A back-end named in `auth_method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The SQL store: `sql`, and ejabberd's `internal` and `mnesia`.
    Sql,
    /// Anonymous log-in.
    Anonymous,
    /// Known to the settings and not yet in force.
    NotInForce(&'static str),
}

impl Method {
    /// The method of a name in the settings.
    ///
    /// COMPAT: `internal` and `mnesia` name ejabberd's built-in database. Here that is the embedded
    /// SQL store, the same as `sql`, so that an administrator who never chose a database has one.
    pub fn from_name(name: &str) -> Self {
        match name {
            "sql" | "internal" | "mnesia" => Self::Sql,
            "anonymous" => Self::Anonymous,
            "external" => Self::NotInForce("external"),
            "http" => Self::NotInForce("http"),
            "jwt" => Self::NotInForce("jwt"),
            "ldap" => Self::NotInForce("ldap"),
            "pam" => Self::NotInForce("pam"),
            _ => Self::NotInForce("of another kind"),
        }
    }
}

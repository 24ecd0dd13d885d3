//! Accounts and passwords.

use accounts::AccountError;
use kernel::commands::{Arguments, Call, CommandError, Example, Policy, Value};
use kernel::hooks::{AccountCreated, AccountRemoved, PasswordChanged};
use kernel::{CloseReason, Control};
use stdx::Secret;

use super::bans::is_banned;
use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, RESTUPLE, Shape, UNKNOWN_HOST, USER,
    Version, address, field,
};

/// ejabberd's code for an account that exists already.
const CODE_EXISTS: i32 = 10_090;
/// ejabberd's code for an account that cannot be made.
pub(crate) const CODE_CANNOT_REGISTER: i32 = 10_001;
/// Names that are read from the database at a time.
pub(super) const PAGE: u32 = 1_000;

const PASSWORD: Field = field("password", Shape::Text);

pub(super) const REGISTER: Command = Command {
    name: "register",
    tags: &["accounts"],
    about: "Register a user",
    secrets: &["password"],
    versions: &[Version {
        args: &[USER, HOST, PASSWORD],
        result: RESTUPLE,
        run: |Call { kernel, arguments, .. }| Box::pin(register(kernel, arguments)),
        example: Example {
            args: &["bob", "example.com", "SomEPass44"],
            prints: "User bob@example.com successfully registered",
        },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

async fn register(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let password = Secret::new(arguments.text("password"));
    let why = match kernel.accounts().register(user, host, &password).await {
        Ok(committed) => {
            // The answer rests on the commit that this receipt stands for.
            let ((), _receipt) = committed.split();
            if let Some(account) = address(user, host) {
                kernel.announce::<AccountCreated>(&account).await;
            }
            return Ok(Value::Restuple(
                true,
                format!("User {user}@{host} successfully registered"),
            ));
        }
        Err(AccountError::Exists) => {
            let text = format!("User {user}@{host} already registered");
            return Err(CommandError::Conflict { code: CODE_EXISTS, text });
        }
        Err(AccountError::UnknownHost(_)) => {
            return Err(CommandError::Failed {
                code: CODE_CANNOT_REGISTER,
                text: UNKNOWN_HOST.to_owned(),
            });
        }
        Err(AccountError::InvalidName(_)) => "Malformed username".to_owned(),
        Err(AccountError::InvalidPassword) => {
            "The password contains unacceptable characters".to_owned()
        }
        Err(AccountError::NotAllowed { .. }) => "Not allowed".to_owned(),
        Err(other) => other.to_string(),
    };
    let node = kernel.node();
    let text = format!("Can't register user {user}@{host} at node {node}: {why}");
    Err(CommandError::Failed { code: CODE_CANNOT_REGISTER, text })
}

pub(super) const UNREGISTER: Command = Command {
    name: "unregister",
    tags: &["accounts"],
    about: "Unregister a user: the account, its sessions and everything kept for it",
    versions: &[Version {
        args: &[USER, HOST],
        result: RESTUPLE,
        run: |Call { kernel, arguments, .. }| Box::pin(unregister(kernel, arguments)),
        example: Example { args: &["bob", "example.com"], prints: "" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

async fn unregister(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let gone = Ok(Value::Restuple(true, String::new()));
    match remove(kernel, user, host).await {
        Ok(()) => gone,
        // COMPAT: removing what is not there is no error.
        Err(
            AccountError::NotFound | AccountError::InvalidName(_) | AccountError::NotAllowed { .. },
        ) => gone,
        Err(AccountError::UnknownHost(_)) => Err(CommandError::bad_argument(UNKNOWN_HOST)),
        Err(other) => Err(CommandError::failed(other)),
    }
}

/// Removes an account with everything that is kept for it, and ends its sessions.
pub(super) async fn remove(kernel: &Kernel, user: &str, host: &str) -> Result<(), AccountError> {
    let ((), _receipt) = kernel.accounts().remove(user, host).await?.split();
    if let Some(account) = address(user, host) {
        for session in kernel.account_sessions(&account) {
            // A session that has ended meanwhile needs no end.
            drop(session.mailbox().control(Control::Close(CloseReason::AccountGone)));
        }
        kernel.announce::<AccountRemoved>(&account).await;
    }
    Ok(())
}

pub(super) const REGISTERED_USERS: Command = Command {
    name: "registered_users",
    tags: &["accounts"],
    about: "List all registered users in HOST",
    versions: &[Version {
        args: &[HOST],
        result: field("users", Shape::List(&field("username", Shape::Text))),
        run: |Call { kernel, arguments, .. }| Box::pin(registered_users(kernel, arguments)),
        example: Example { args: &["example.com"], prints: "user1\nuser2" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn registered_users(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let mut users = Vec::new();
    loop {
        let offset = u32::try_from(users.len()).map_err(CommandError::failed)?;
        let page = kernel.accounts().list(arguments.text("host"), "", PAGE, offset).await;
        let page = page.map_err(|error| match error {
            AccountError::UnknownHost(_) => CommandError::bad_argument(UNKNOWN_HOST),
            other => CommandError::failed(other),
        })?;
        let full = page.len() == PAGE as usize;
        users.extend(page);
        if !full {
            return Ok(Value::texts(users));
        }
    }
}

pub(super) const CHANGE_PASSWORD: Command = Command {
    name: "change_password",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Change the password of an account",
    secrets: &["newpass"],
    versions: &[Version {
        args: &[USER, HOST, field("newpass", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(change_password(kernel, arguments)),
        example: Example { args: &["peter", "myserver.com", "blank"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn change_password(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let password = Secret::new(arguments.text("newpass"));
    match kernel.accounts().set_password(user, host, &password).await {
        Ok(committed) => {
            let ((), _receipt) = committed.split();
            if let Some(account) = address(user, host) {
                kernel.announce::<PasswordChanged>(&account).await;
            }
            Ok(Value::OK)
        }
        Err(
            AccountError::NotFound | AccountError::InvalidName(_) | AccountError::UnknownHost(_),
        ) => Err(CommandError::thrown("not_found", "unknown_user")),
        Err(AccountError::InvalidPassword) => Err(CommandError::bad_argument("invalid_password")),
        Err(AccountError::NotAllowed { .. }) => Err(CommandError::bad_argument("not_allowed")),
        Err(other) => Err(CommandError::failed(other)),
    }
}

pub(super) const CHECK_PASSWORD: Command = Command {
    name: "check_password",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Check if a password is correct",
    secrets: &["password"],
    versions: &[Version {
        args: &[USER, HOST, PASSWORD],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(check_password(kernel, arguments)),
        example: Example { args: &["peter", "myserver.com", "secret"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn check_password(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let password = Secret::new(arguments.text("password"));
    let right = kernel.accounts().check_password(user, host, &password).await;
    let right = right.map(accounts::Check::is_right);
    if matches!(right, Ok(true)) && is_banned(kernel, user, host).await? {
        // COMPAT: no password is right for a banned account.
        return Ok(Value::Rescode(false));
    }
    yes_or_no(right)
}

pub(super) const CHECK_ACCOUNT: Command = Command {
    name: "check_account",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Check if an account exists or not",
    versions: &[Version {
        args: &[USER, HOST],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(check_account(kernel, arguments)),
        example: Example { args: &["peter", "myserver.com"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn check_account(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    yes_or_no(kernel.accounts().exists(arguments.text("user"), arguments.text("host")).await)
}

/// COMPAT: to these questions an impossible name and a foreign host are a plain no.
fn yes_or_no(answer: Result<bool, AccountError>) -> Result<Value, CommandError> {
    match answer {
        Ok(yes) => Ok(Value::Rescode(yes)),
        Err(AccountError::UnknownHost(_) | AccountError::InvalidName(_)) => {
            Ok(Value::Rescode(false))
        }
        Err(other) => Err(CommandError::failed(other)),
    }
}

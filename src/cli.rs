//! What can be typed.
//!
//! * [`customer`]: import and export

mod customer;

pub(crate) use customer::{Customer, Export, Format, Import, OnDuplicate};

use crate::{
    config::{EveryCommand, Flags, ServeCommand},
    seconds::Seconds,
};
use carnelian_domain::{AccountId, Action, AddressRange, Role, Timestamp, directory::check_name};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, sync::Arc};

/// A self-hosted customer registry that speaks the rws REST API.
#[derive(Debug, Parser)]
#[command(name = "carnelian", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// A TOML file with settings [env: CARNELIAN_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) every: Flags<EveryCommand>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API
    Serve(Serve),
    /// Administer accounts
    Account(Administer<Account>),
    /// Import and export customers
    Customer(Administer<Customer>),
    /// Administer groups of accounts
    Group(Administer<Group>),
    /// Administer users
    User(Administer<User>),
    /// Administer API keys
    Key(Administer<Key>),
    /// Write everything into a backup, also while a server runs, and beside it the ledger that opens it
    Backup {
        /// The backup; the ledger is FILE.ledger
        file: PathBuf,
        /// Overwrite files that are there
        #[arg(long)]
        replace: bool,
        /// Why, in a few words for the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
    /// Write the ledger that opens backups again: the keys of all accounts that are not erased
    Ledger {
        /// The ledger
        file: PathBuf,
        /// Overwrite a file that is there
        #[arg(long)]
        replace: bool,
    },
    /// Make a registry of a backup and the newest ledger; what was erased since does not come back
    Restore {
        /// The backup
        file: PathBuf,
        /// The ledger; FILE.ledger unless given
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// Replace the registry that is there
        #[arg(long)]
        replace: bool,
        /// Why, in a few words for the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
    /// Look at the audit log: who changed what, when, from where and why
    #[command(subcommand)]
    Audit(Audit),
    /// Print a page of the reference: Markdown, and JSON for openapi
    Reference {
        /// Which page
        page: Page,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Prepare a demo, once, and print a call to try; the data directory is ./carnelian-demo unless --data says else
    #[arg(long)]
    pub(crate) demo: bool,

    /// Serve a sandbox to test clients against; its data are in memory, for this run, unless --data says else
    #[arg(long, conflicts_with = "demo")]
    pub(crate) sandbox: bool,

    /// What the sandbox begins with: a TOML file of accounts, groups, users and customers
    #[arg(long, value_name = "FILE", requires = "sandbox")]
    pub(crate) seed: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) flags: Flags<ServeCommand>,
}

/// A command that may change something, and why it does.
#[derive(Args, Debug)]
pub(crate) struct Administer<C: Subcommand> {
    /// Why, in a few words for the audit log
    #[arg(long, value_name = "TEXT", global = true, value_parser = parse_reason)]
    pub(crate) reason: Option<Arc<str>>,

    #[command(subcommand)]
    pub(crate) command: C,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Create an account and print its id
    Create {
        /// What to call it
        name: String,
    },
    /// List the accounts
    List(Listing),
    /// Ask for an account's erasure and print the erasure's id: from now on nothing is created or edited in the account,
    /// and the server erases it when the time of grace is over
    RequestErasure {
        /// The account
        name: String,
    },
    /// Take an erasure request back, as long as the erasure has not begun
    CancelErasure {
        /// The account
        name: String,
    },
    /// List the erasures that were asked for
    Erasures(Listing),
    /// Print the signed receipt of an erasure
    Receipt {
        /// The erasure's id, as it is listed
        erasure: u64,
    },
    /// Check that a receipt is one of this registry, as it was written
    CheckReceipt {
        /// The file that holds it
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a group without accounts and print its id
    Create {
        /// What to call it
        name: String,
    },
    /// Add an account to a group
    Add {
        /// The group
        group: String,
        /// The account
        account: String,
    },
    /// Take an account out of a group
    Remove {
        /// The group
        group: String,
        /// The account
        account: String,
    },
    /// List the groups
    List(Listing),
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Create a user and print its id
    Create {
        /// The user's name, as it signs in
        username: String,
        /// The home account
        #[arg(long, value_name = "NAME")]
        account: String,
        /// The group whose accounts the user may act in besides the home account
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        /// ACCOUNTADMIN (reads and writes customers), ACCOUNTREADONLY (reads), OPERATOR (every account)
        #[arg(long, default_value_t = Role::AccountAdmin)]
        role: Role,
    },
    /// List the users
    List(Listing),
    /// Change a user's role or group
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The user
        username: String,
        /// What the user may do from now on
        #[arg(long, group = "change")]
        role: Option<Role>,
        /// The group whose accounts the user may act in from now on, besides the home account
        #[arg(long, value_name = "NAME", group = "change")]
        group: Option<String>,
        /// Take the user out of its group
        #[arg(long, group = "change", conflicts_with = "group")]
        no_group: bool,
    },
    /// Let a user no longer sign in
    Disable {
        /// The user
        username: String,
    },
    /// Let a user sign in again
    Enable {
        /// The user
        username: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and print it: the only time that it can be seen
    Issue {
        /// The user
        username: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Take over a UUID-shaped key made elsewhere, read from stdin, and print its id
    Import {
        /// The user
        username: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// List a user's keys, never the keys themselves
    List {
        /// The user
        username: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Let a key no longer work
    Revoke {
        /// The key's id, as it is listed
        key_id: String,
    },
}

/// What a key is made with.
#[derive(Args, Debug)]
pub(crate) struct Terms {
    /// How long it works, as in 90d, 12h, 30m or 45s; without it for good
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires: Option<u64>,
    /// What to call it in listings
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Where it works from, as in 192.0.2.0/24 or 2001:db8::1; may be given again; without it from everywhere
    #[arg(long, value_name = "RANGE")]
    pub(crate) allow: Vec<AddressRange>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List entries, the oldest first
    List {
        /// Begin behind this entry
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: u64,
        /// Those of this account only
        #[arg(long, value_name = "ID", value_parser = parse_account_id)]
        account_id: Option<AccountId>,
        /// Those that tell of this only, as in edit_customer
        #[arg(long, value_name = "NAME", value_parser = parse_action)]
        action: Option<Action>,
        /// Those since this moment only, as in 2026-11-28T00:00:00Z
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        since: Option<Timestamp>,
        /// How many entries at most
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
        /// The last ones instead of the first
        #[arg(long)]
        last: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Check that every entry is there as it was written, and print the last one's number and link
    Verify,
    /// Print every entry as a line of JSON
    Export,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Listing {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A page of the reference.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Page {
    /// Every error
    Errors,
    /// Every route
    Routes,
    /// Every field and its limits
    Fields,
    /// Every setting
    Configuration,
    /// Every command
    CommandLine,
    /// The whole interface as an OpenAPI document
    Openapi,
}

fn parse_reason(text: &str) -> Result<Arc<str>, String> {
    check_name(text).map(|()| text.into()).map_err(|why| why.to_string())
}

fn parse_account_id(text: &str) -> Result<AccountId, String> {
    AccountId::from_digits(text)
        .ok_or_else(|| "an account's id is a number, as `carnelian account list` shows it".into())
}

fn parse_action(text: &str) -> Result<Action, String> {
    let names = || Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Action::from_name(text).ok_or_else(|| format!("it is one of {}", names()))
}

fn parse_moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_iso8601(text).ok_or_else(|| "a moment is written as in 2026-11-28T00:00:00Z".into())
}

/// A span of at least a second, in seconds; total for any text.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let span = text.parse().ok().filter(|Seconds(seconds)| *seconds > 0);
    span.map(|Seconds(seconds)| seconds).ok_or_else(|| format!("a duration is {}", Seconds::EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_duration_takes_some_time() {
        assert_eq!(parse_duration("90d"), Ok(90 * 86_400));
        for bad in ["", "0", "0d", "1w"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}

//! The command-line definitions.
//!
//! * [`customer`]: import and export

mod customer;

pub(crate) use customer::{Customer, Export, Import};

use crate::{
    commands::input::is_dash,
    config::{EveryCommand, Flags, GLOBAL_OPTIONS, ServeCommand},
    doctor,
    seconds::Seconds,
};
use carnelian_app::{admin::input::MAX_LIFETIME, settings::MAX_GRACE};
use carnelian_domain::{AccountId, Action, Actor, AddressRange, Object, Role, Timestamp, directory::check_name};
use carnelian_store::AuditHead;
use clap::{
    Args, Parser, Subcommand,
    builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser},
};
use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

/// The largest number of an entry or an object: the largest one that every JSON parser reads exactly.
const MAX_ID: u64 = (1 << 53) - 1;

/// The longest time that an answer may take, in seconds.
const MAX_TIMEOUT: u64 = 60 * 60;

/// A self-hosted customer registry that speaks the rws REST API.
#[derive(Debug, Parser)]
#[command(name = "carnelian", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// The configuration file, in TOML [env: CARNELIAN_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = GLOBAL_OPTIONS)]
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
    /// Manage accounts
    Account(Administer<Account>),
    /// Import and export customers
    Customer(Administer<Customer>),
    /// Manage groups of accounts
    Group(Administer<Group>),
    /// Manage users
    User(Administer<User>),
    /// Manage API keys
    Key(Administer<Key>),
    /// Back up the registry, and write the ledger that opens the backup
    ///
    /// A server may be running. The ledger holds the keys of all accounts that are not erased.
    Backup {
        /// The backup file to write; the ledger is written to FILE.ledger
        #[arg(value_parser = named_file("a backup and its ledger are two files"))]
        file: PathBuf,
        /// Overwrite existing files
        #[arg(long)]
        replace: bool,
        /// The reason, recorded in the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
    /// Write the ledger: the keys of all accounts that are not erased, and what was taken away
    Ledger {
        /// The ledger file to write, or - for stdout
        file: PathBuf,
        /// Overwrite an existing file
        #[arg(long)]
        replace: bool,
        /// The reason, recorded in the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
    /// Restore a registry from a backup and the newest ledger
    ///
    /// Customers and accounts that were erased after the backup stay erased, revoked keys revoked, disabled users disabled and
    /// lowered roles low, as far as the ledger or the registry that is replaced knows. Lists the users who can sign in.
    Restore {
        /// The backup file
        #[arg(value_parser = named_file("a backup is read twice"))]
        file: PathBuf,
        /// The ledger file, or - for stdin [default: FILE.ledger]
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// Replace the registry that is in the data directory; a database must be empty
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        confirmation: Confirmation,
        /// The reason, recorded in the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
    /// Prepare the database that --database names, or upgrade its schema for this release
    ///
    /// The first time it makes the master key, which every other server of the registry needs in its data directory, too.
    Migrate,
    /// Verify that accounts, groups, users and keys were not altered outside of Carnelian
    #[command(subcommand)]
    Directory(Directory),
    /// List, verify and export the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Show and check the settings
    #[command(subcommand)]
    Config(Config),
    /// Show how the registry is doing: its engine, space, erasures, backups and certificates
    Status(Listing),
    /// Check a registry and its surroundings, and advise
    ///
    /// Changes nothing. Exit code 1 if a check fails; a warning is no failure.
    Doctor(Doctor),
    /// Check that a server is ready, for the health checks of containers: exit code 0 or 1
    Health(HealthCheck),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command
    Man {
        /// The directory to write them to, such as /usr/local/share/man/man1
        directory: PathBuf,
    },
    /// Print a page of the reference documentation
    Reference {
        /// The page to print
        page: Page,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Create demo data on the first start and print an example request; --data defaults to ./carnelian-demo
    #[arg(long)]
    pub(crate) demo: bool,

    /// Serve a sandbox for testing clients; without --data, it is kept in memory and discarded at exit
    #[arg(long, conflicts_with = "demo")]
    pub(crate) sandbox: bool,

    /// The initial data of the sandbox: a TOML file with accounts, groups, users and customers, or - for stdin
    #[arg(long, value_name = "FILE", requires = "sandbox")]
    pub(crate) seed: Option<PathBuf>,

    /// Prepare the database first, as `carnelian migrate` does; for a registry with a single server
    #[arg(long, conflicts_with = "sandbox")]
    pub(crate) migrate: bool,

    #[command(flatten)]
    pub(crate) flags: Flags<ServeCommand>,
}

/// How a command that deletes something, or takes rights away, is confirmed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Confirmation {
    /// Do it without a question, which is needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only show what would be done
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

/// The commands of one kind of object, with the reason for a change.
#[derive(Args, Debug)]
pub(crate) struct Administer<C: Subcommand> {
    /// The reason, recorded in the audit log
    #[arg(long, value_name = "TEXT", global = true, value_parser = parse_reason)]
    pub(crate) reason: Option<Arc<str>>,

    #[command(subcommand)]
    pub(crate) command: C,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Create an account and print its id
    Create {
        /// The account's name
        name: String,
    },
    /// List accounts
    List(Listing),
    /// Request the erasure of an account and print the erasure's id
    ///
    /// From now on nothing can be created or edited in the account. The server erases it after the grace period.
    RequestErasure {
        /// The account's name
        name: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Print or set the registry's grace period of erasures
    ///
    /// The time between the request for an erasure and the erasure, the same for commands and for requests over HTTP. The
    /// setting `erasure.grace` of a server that starts sets it as well.
    ErasureGrace {
        /// The new grace period: a number followed by s, m, h or d, such as 90d, or 0
        #[arg(value_name = "DURATION", value_parser = parse_grace)]
        grace: Option<Seconds>,
    },
    /// Cancel an erasure that has not started
    CancelErasure {
        /// The account's name
        name: String,
    },
    /// List erasures
    Erasures(Listing),
    /// Print the signed receipt of an erasure
    Receipt {
        /// The erasure's id, as shown by `account erasures`
        #[arg(value_parser = parse_erasure_id)]
        erasure: u64,
    },
    /// Verify that a receipt was signed by this registry
    CheckReceipt {
        /// The receipt file, or - for stdin
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a group without accounts and print its id
    Create {
        /// The group's name
        name: String,
    },
    /// Add an account to a group
    Add {
        /// The group's name
        group: String,
        /// The account's name
        account: String,
    },
    /// Remove an account from a group
    Remove {
        /// The group's name
        group: String,
        /// The account's name
        account: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// List groups
    List(Listing),
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Create a user and print its id
    Create {
        /// The user's name
        username: String,
        /// The home account
        #[arg(long, value_name = "NAME")]
        account: String,
        /// The group whose accounts the user may access in addition to the home account
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        /// The role: ACCOUNTADMIN (read and write customers), ACCOUNTREADONLY (read customers) or OPERATOR (administer the
        /// registry)
        #[arg(long, default_value_t = Role::AccountAdmin)]
        role: Role,
    },
    /// List users
    List(Listing),
    /// Change a user's role or group
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The user's name
        username: String,
        /// The new role
        #[arg(long, group = "change")]
        role: Option<Role>,
        /// The new group, whose accounts the user may access in addition to the home account
        #[arg(long, value_name = "NAME", group = "change")]
        group: Option<String>,
        /// Remove the user from its group
        #[arg(long, group = "change", conflicts_with = "group")]
        no_group: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Disable a user: its keys are no longer accepted
    Disable {
        /// The user's name
        username: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Enable a user
    Enable {
        /// The user's name
        username: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a key and print it; it cannot be shown again
    Issue {
        /// The user's name
        username: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Import a key of another system, a UUID read from stdin, and print its id
    Import {
        /// The user's name
        username: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// List a user's keys, without the keys themselves
    List {
        /// The user's name
        username: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Revoke a key
    Revoke {
        /// The key's id, as shown by `key list`
        key_id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// The properties of a new key.
#[derive(Args, Debug)]
pub(crate) struct Terms {
    /// When the key expires: a duration such as 90d, 12h, 30m or 45s, at most 36600d [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires: Option<u64>,
    /// A label for listings
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Accept the key only from this address or range, such as 2001:db8::1 or 192.0.2.0/24; repeatable [default: accept
    /// from everywhere]
    #[arg(long, value_name = "RANGE")]
    pub(crate) allow: Vec<AddressRange>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Directory {
    /// Verify that accounts, groups, users and keys are as Carnelian has stored them
    Verify,
    /// Accept accounts, groups, users and keys as they are stored, after they were altered by something else
    ///
    /// WARNING: rights that were granted by the alteration become valid. Without --yes, only shows every user that would
    /// be accepted. If any of it is not as it should be, restore a backup instead.
    Reseal {
        /// Accept what is shown
        #[arg(long)]
        yes: bool,
        /// The reason, recorded in the audit log
        #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
        reason: Option<Arc<str>>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List entries, oldest first
    List(AuditList),
    /// Verify that no entry was changed or removed, and print the head of the log: the number and link of the last entry
    ///
    /// A server logs the head when it starts, once an hour, and when it stops.
    Verify {
        /// A head that was noted earlier: the log must contain this entry, with this link; repeatable
        #[arg(long, value_name = "SEQUENCE:LINK")]
        expect: Vec<AuditHead>,
    },
    /// Print all entries as JSON Lines
    Export,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Listing {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave a check out; repeatable
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(doctor::names()))]
    pub(crate) skip: Vec<String>,
    /// The settings of the server, which the checks are about
    #[command(flatten)]
    pub(crate) flags: Flags<ServeCommand>,
}

#[derive(Args, Debug)]
pub(crate) struct HealthCheck {
    /// The server's URL, such as http://127.0.0.1:8080
    #[arg(long)]
    pub(crate) url: String,
    /// Check only that the process responds, not that it can serve requests
    #[arg(long)]
    pub(crate) live: bool,
    /// How long the answer may take: a number followed by s, m or h, at most 1h
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_timeout)]
    pub(crate) timeout: Seconds,
    /// Certificates of authorities, in PEM, for the certificate of the server; by default those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that the certificate must have, if it is not the host of the URL
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditList {
    /// Start after the entry with this sequence number
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = parse_sequence)]
    pub(crate) after: u64,
    /// End before the entry with this sequence number
    #[arg(long, value_name = "NUMBER", value_parser = parse_sequence)]
    pub(crate) before: Option<u64>,
    /// List only entries of this object, such as customer:17; those of a customer include the exports and erasures of its accounts
    #[arg(long, value_name = "OBJECT", value_parser = parse_object)]
    pub(crate) object: Option<String>,
    /// List only entries of this actor, such as user:1, command_line or server
    #[arg(long, value_name = "ACTOR", value_parser = parse_actor)]
    pub(crate) actor: Option<Actor>,
    /// List only entries of this action, such as edit_customer
    #[arg(long, value_name = "NAME", value_parser = parse_action)]
    pub(crate) action: Option<Action>,
    /// List only entries of this account
    #[arg(long, value_name = "ID", value_parser = parse_account_id)]
    pub(crate) account_id: Option<AccountId>,
    /// List only entries of the request with this id
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// List only entries since this time, such as 2026-11-28T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) since: Option<Timestamp>,
    /// List only entries before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<Timestamp>,
    /// The maximum number of entries, from 1 to 10000; `audit export` prints all
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = parse_limit)]
    pub(crate) limit: u64,
    /// List the newest entries first
    #[arg(long)]
    pub(crate) newest_first: bool,
    /// List the last entries instead of the first, oldest first
    #[arg(long, conflicts_with = "newest_first")]
    pub(crate) last: bool,
    /// List the last entries, and then each new entry as it is written, until it is interrupted
    ///
    /// With --json, each entry is a line.
    #[arg(long, conflicts_with_all = ["newest_first", "before"])]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

/// The settings, as `serve` has them with the same file and variables.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print all settings in force, in the form of a configuration file
    Show {
        /// Add where each value comes from
        #[arg(long)]
        origin: bool,
        /// Print JSON, with the origins
        #[arg(long)]
        json: bool,
    },
    /// Check the settings and the TLS certificate that `serve` would use
    Check,
}

/// A page of the reference.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Page {
    /// Errors
    Errors,
    /// Routes
    Routes,
    /// Fields and their limits
    Fields,
    /// Settings
    Configuration,
    /// Commands
    CommandLine,
    /// The API, as an OpenAPI document in JSON
    Openapi,
}

/// Parses a file name other than `-`, for the given reason.
fn named_file(why: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| match is_dash(&path) {
        true => Err(format!("{why}, so it needs a file name; write ./- for a file called -")),
        false => Ok(path),
    })
}

fn parse_reason(text: &str) -> Result<Arc<str>, String> {
    check_name(text).map(|()| text.into()).map_err(|error| error.to_string())
}

fn parse_account_name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn parse_account_id(text: &str) -> Result<AccountId, String> {
    AccountId::from_digits(text).ok_or_else(|| "an account id is a number; `carnelian account list` shows it".into())
}

fn parse_object(text: &str) -> Result<String, String> {
    let object = Object::parse(text).map(|object| object.to_string());
    object.ok_or_else(|| "expected an object as the log has it, such as customer:17 or account:1".to_owned())
}

fn parse_actor(text: &str) -> Result<Actor, String> {
    Actor::parse(text).ok_or_else(|| "expected user: and an id, command_line or server".to_owned())
}

fn parse_erasure_id(text: &str) -> Result<u64, String> {
    within(text, 1..=MAX_ID).ok_or_else(|| "an erasure id is a number; `carnelian account erasures` shows it".into())
}

fn parse_sequence(text: &str) -> Result<u64, String> {
    within(text, 0..=MAX_ID).ok_or_else(|| format!("expected a number from 0 to {MAX_ID}"))
}

fn parse_limit(text: &str) -> Result<u64, String> {
    within(text, 1..=10_000).ok_or_else(|| "expected a number from 1 to 10000".into())
}

fn within(text: &str, range: RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|number| range.contains(number))
}

fn parse_action(text: &str) -> Result<Action, String> {
    let names = || Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Action::from_name(text).ok_or_else(|| format!("expected one of: {}", names()))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_iso8601(text).ok_or_else(|| "expected a time such as 2026-11-28T00:00:00Z".into())
}

/// Parses the lifetime of a key, in seconds. Accepts any text without panicking.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let duration = text.parse().ok().filter(|Seconds(seconds)| (1..=MAX_LIFETIME).contains(seconds));
    duration
        .map(|Seconds(seconds)| seconds)
        .ok_or_else(|| format!("expected {}, from 1s to {}", Seconds::EXPECTED, Seconds(MAX_LIFETIME)))
}

fn parse_timeout(text: &str) -> Result<Seconds, String> {
    let timeout = text.parse().ok().filter(|Seconds(seconds)| (1..=MAX_TIMEOUT).contains(seconds));
    timeout.ok_or_else(|| format!("expected {}, from 1s to {}", Seconds::EXPECTED, Seconds(MAX_TIMEOUT)))
}

fn parse_grace(text: &str) -> Result<Seconds, String> {
    let grace = text.parse().ok().filter(|Seconds(seconds)| *seconds <= MAX_GRACE);
    grace.ok_or_else(|| format!("expected {}, from 0 to {}", Seconds::EXPECTED, Seconds(MAX_GRACE)))
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
    fn a_lifetime_has_bounds() {
        assert_eq!(parse_duration("90d"), Ok(90 * 86_400));
        assert_eq!(parse_duration("36600d"), Ok(MAX_LIFETIME));
        for bad in ["", "0", "0d", "1w", "36601d", "99999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}

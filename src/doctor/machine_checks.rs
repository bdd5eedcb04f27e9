//! Checks that do not open the registry.

use super::finding::Finding;
use crate::{
    CliError,
    commands::output::size,
    config::Settings,
    listener,
    machine::{self, FileSystem},
    master_key, registry_files, tls_files, wiring,
};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Free space below which a write may soon fail, in bytes, and below which an operator should look.
const SPACE: [u64; 2] = [64 << 20, 1 << 30];

/// How many days before its end a certificate should be renewed.
const RENEWAL: i64 = 14;

/// The milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// What every backup begins with, whatever its version.
const BACKUP: &[u8] = b"carnelian backup ";

fn failed(error: &CliError, advice: &str) -> Finding {
    Finding::failure(error.message(), advice)
}

pub(super) fn settings(settings: &Settings) -> Finding {
    Finding::Success(match &settings.config_file {
        Some(file) => format!("{} and the environment are valid", file.display()),
        None => "the environment is valid; there is no configuration file".into(),
    })
}

pub(super) fn data_directory(settings: &Settings) -> Finding {
    let path = settings.data.display();
    let mode = match fs::metadata(&settings.data) {
        Ok(directory) if directory.is_dir() => directory.permissions().mode() & 0o777,
        Ok(_) => return Finding::failure(format!("{path} is not a directory"), "name another one with --data"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::failure(format!("{path} does not exist"), "name the data directory with --data");
        }
        Err(error) => return Finding::failure(format!("{path}: {error}"), "run this as the user of the server"),
    };
    if let Err(error) = registry_files::check_owner(&settings.data) {
        return failed(&error, "only the user of the server may own and write to the data directory");
    }
    if mode & 0o077 != 0 {
        return Finding::warning(format!("other users may enter {path}"), format!("run chmod 700 {path}"));
    }
    Finding::Success(format!("{path} belongs to this user alone"))
}

pub(super) fn file_system(settings: &Settings) -> Finding {
    if settings.database_url.is_some() {
        return Finding::Skipped("the registry is in a database".into());
    }
    match machine::file_system(&settings.data) {
        FileSystem::Network(name) => Finding::failure(
            format!("{} is on {name}, a file system of a network", settings.data.display()),
            "move the registry to a local file system, such as ext4 or XFS: locks and syncs need one",
        ),
        FileSystem::Memory => Finding::warning(
            format!("{} is in memory", settings.data.display()),
            "what is stored there is lost when the machine stops; move the registry to a disk",
        ),
        FileSystem::Local => Finding::success("the file system is local"),
    }
}

pub(super) fn disk_space(settings: &Settings) -> Finding {
    match machine::free_space(&settings.data) {
        Some(free) => judge_space(free),
        None => Finding::Skipped("the free space is not known".into()),
    }
}

fn judge_space(free: u64) -> Finding {
    let (what, advice) = (format!("{} are free", size(free)), "make room, or move the registry to a larger disk");
    let [too_little, little] = SPACE;
    if free < too_little {
        Finding::failure(what, advice)
    } else if free < little {
        Finding::warning(what, advice)
    } else {
        Finding::Success(what)
    }
}

pub(super) fn master_key(settings: &Settings) -> Finding {
    match master_key::existing(settings) {
        Ok(_) => Finding::success("the master key can be read by this user alone"),
        Err(error) => {
            failed(&error, "without its master key a registry cannot be read; keep a copy apart from the data")
        }
    }
}

pub(super) fn backups_apart(settings: &Settings) -> Finding {
    let key = master_key::path(settings);
    let directory = key.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    match entries.filter(|path| path.is_file()).find(is_backup) {
        None => Finding::success("no backup lies beside the master key"),
        Some(backup) => Finding::warning(
            format!("{} lies beside the master key", backup.display()),
            "keep backups apart: the key, a backup and its ledger together reveal everything",
        ),
    }
}

fn is_backup(path: &PathBuf) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BACKUP.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == BACKUP
}

pub(super) fn open_files(settings: &Settings) -> Finding {
    let (room, wanted) = (machine::room_for_connections(settings.connections), settings.connections);
    if room < wanted {
        return Finding::warning(
            format!("the limit of open files leaves room for {room} of {wanted} connections"),
            "raise it, such as with LimitNOFILE= of systemd, or lower limits.connections",
        );
    }
    Finding::Success(format!("the limit of open files leaves room for {wanted} connections"))
}

pub(super) fn tls(settings: &Settings) -> Finding {
    let advice = "renew the certificate, and reload it with SIGHUP";
    let files = match tls_files::load(settings) {
        Ok(Some(files)) => files,
        Ok(None) => return Finding::Skipped("there is no certificate".into()),
        Err(error) => return failed(&error, "the server would not start with these files"),
    };
    if let Some(why) = files.warnings.first() {
        return Finding::failure(format!("clients refuse the connection: {why}"), advice);
    }
    let (chain, now) = (files.tls.chain(), wiring::system_clock().now());
    if chain.first().is_none_or(|own| own.names.is_empty()) {
        return Finding::failure("the certificate has no name that a client could check", "have one issued with names");
    }
    let days = chain.iter().map(|one| one.expires_at.0.saturating_sub(now.0) / DAY).min().unwrap_or_default();
    if days < RENEWAL {
        return Finding::warning(format!("a certificate expires in {days} days"), advice);
    }
    let names = chain.first().map(|own| own.names.join(", ")).unwrap_or_default();
    Finding::Success(format!("the certificate of {names} is valid for {days} days"))
}

pub(super) fn listen(settings: &Settings) -> Finding {
    if let Err(error) = listener::check_address(settings) {
        return failed(&error, "the server would not start");
    }
    match listener::bind(settings.listen) {
        Ok(_) => Finding::Success(format!("{} is free", settings.listen)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::warning(
            format!("{} is in use", settings.listen),
            "if that is not this registry's server, choose another address with --listen; `carnelian health` says",
        ),
        Err(error) => Finding::failure(
            format!("cannot listen on {}: {error}", settings.listen),
            "choose another address with --listen, or permit the port to this user",
        ),
    }
}

pub(super) fn proxies(settings: &Settings) -> Finding {
    if let Some(range) = settings.proxy_trusted.iter().find(|range| range.is_everything()) {
        return Finding::failure(
            format!("proxy.trusted contains {range}: every client can say that it has any address"),
            "name the addresses of the proxies alone",
        );
    }
    if settings.proxy_trusted.is_empty() && settings.insecure_http && !settings.listen.ip().is_loopback() {
        return Finding::warning(
            "the server seems to be behind a proxy that it does not trust",
            "name the proxy in proxy.trusted, so that ranges of keys and limits see the addresses of clients",
        );
    }
    Finding::Success(format!("{} ranges of proxies are trusted", settings.proxy_trusted.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_free_space_is_a_warning_and_hardly_any_a_failure() {
        let judged = [SPACE[0] - 1, SPACE[0], SPACE[1] - 1, SPACE[1]].map(|free| judge_space(free).name());
        assert_eq!(judged, ["failure", "warning", "warning", "success"]);
    }

    #[test]
    fn a_backup_is_recognised_by_its_beginning() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a file");
        for (content, expected) in
            [(&b"carnelian backup 3\n..."[..], true), (b"carnelian ledger 3\n", false), (b"", false)]
        {
            fs::write(&path, content).expect("writes");
            assert_eq!(is_backup(&path), expected, "{content:?}");
        }
    }
}

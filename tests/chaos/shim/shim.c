/*
 * Stands between the program and the system, preloaded: kills, fails or records what is done to the files of one
 * directory and its folders, and records the answers that leave through sockets. See src/shim.rs for the variables that
 * steer it.
 *
 * The index of the write-ahead log (-shm) is mapped into memory and rebuilt after a crash: it is left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
#define NAME 64
#define PAYLOAD (64 * 1024)

struct tracked {
    int on;
    uint64_t ino;
    char name[NAME];
};

/* As src/recording.rs reads it. */
struct header {
    uint8_t kind, pad[3];
    uint32_t id;
    uint64_t ino, offset;
    uint32_t name_length, data_length;
};

enum action { NOTHING, KILL_BEFORE, KILL_HALF, KILL_AFTER, FAIL };

static struct tracked table[FDS];
static char directory[4096];
static int log_fd = -1;
static char ignore_sync[NAME], late_sync[NAME];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint sync_ids, unfinished_sync;

static char rule_action[32], rule_kind[32], rule_suffix[NAME];
static long rule_number;
static int rule_errno;
static atomic_long rule_count;
static atomic_int armed = 1;
/* Whether files on a read-only file system cannot be opened for writing. */
static atomic_int opens_fail = 1;
/* The file that is opened instead of /proc/meminfo. */
static char meminfo[4096];

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_send)(int, const void *, size_t, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_linkat)(int, const char *, int, const char *, int);
static int (*real_unlink)(const char *);
static int (*real_futimens)(int, const struct timespec[2]);
static int (*real_fcntl)(int, int, ...);

static void arm(int number) { armed = number == SIGUSR1; }

/* Runs before everything else, so that no thread exists yet. */
__attribute__((constructor)) static void start(void) {
    real_open = dlsym(RTLD_NEXT, "open");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pread = dlsym(RTLD_NEXT, "pread");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_send = dlsym(RTLD_NEXT, "send");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_linkat = dlsym(RTLD_NEXT, "linkat");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_futimens = dlsym(RTLD_NEXT, "futimens");
    real_fcntl = dlsym(RTLD_NEXT, "fcntl64");
    /* Several processes may write one log: their syncs must not be taken for each other's. */
    sync_ids = (unsigned)getpid() << 10;
    const char *value = getenv("CHAOS_SHIM_DIRECTORY");
    if (value) snprintf(directory, sizeof directory, "%s", value);
    if ((value = getenv("CHAOS_SHIM_MEMINFO"))) snprintf(meminfo, sizeof meminfo, "%s", value);
    if ((value = getenv("CHAOS_SHIM_IGNORE_SYNC"))) snprintf(ignore_sync, sizeof ignore_sync, "%s", value);
    if ((value = getenv("CHAOS_SHIM_LATE_SYNC"))) snprintf(late_sync, sizeof late_sync, "%s", value);
    if ((value = getenv("CHAOS_SHIM_RULE")) &&
        sscanf(value, "%31s %31s %63s %ld %d", rule_action, rule_kind, rule_suffix, &rule_number, &rule_errno) != 5) {
        fprintf(stderr, "shim: a bad rule: %s\n", value);
        _exit(99);
    }
    if (strcmp(rule_action, "journal-ends") == 0) {
        strcpy(rule_action, "read-only");
        opens_fail = 0;
    }
    if ((value = getenv("CHAOS_SHIM_LOG"))) {
        int fd = real_open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        /* Far away from the low numbers, where a program might expect its own files. */
        log_fd = real_fcntl(fd, F_DUPFD_CLOEXEC, 900);
        real_close(fd);
    }
    if (getenv("CHAOS_SHIM_ARM_BY_SIGNAL")) {
        armed = 0;
        signal(SIGUSR1, arm);
        signal(SIGUSR2, arm);
    }
}

static void record(char kind, uint32_t id, uint64_t ino, uint64_t offset, const char *name, const void *data,
                   size_t length) {
    if (log_fd < 0) return;
    struct header header = {.kind = kind, .id = id, .ino = ino, .offset = offset,
                            .name_length = strlen(name), .data_length = length};
    struct iovec parts[3] = {
        {&header, sizeof header}, {(void *)name, header.name_length}, {(void *)data, length}};
    int saved = errno;
    pthread_mutex_lock(&log_lock);
    if (real_writev(log_fd, parts, 3) != (ssize_t)(sizeof header + header.name_length + length)) _exit(98);
    pthread_mutex_unlock(&log_lock);
    errno = saved;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int ends_with(const char *name, const char *suffix) {
    size_t a = strlen(name), b = strlen(suffix);
    return strcmp(suffix, "*") == 0 || (a >= b && strcmp(name + a - b, suffix) == 0);
}

static enum action fail(int error) {
    errno = error;
    return FAIL;
}

/* What the rule says about this operation, which changes something on the disk or does not; counts it. */
static enum action decide(const char *kind, int changes, const char *name) {
    if (!rule_action[0] || !armed) return NOTHING;
    int read_only = strcmp(rule_action, "read-only") == 0;
    if (read_only && rule_count >= rule_number) {
        int fails = changes && (opens_fail || strcmp(kind, "open") != 0);
        return fails ? fail(rule_errno) : NOTHING;
    }
    int of_files = strcmp(kind, "send") != 0 && strcmp(kind, "begin") != 0;
    int reads = strcmp(kind, "read") == 0;
    if (strcmp(rule_kind, "any") == 0 ? !of_files || reads : strcmp(rule_kind, kind) != 0) return NOTHING;
    if (!ends_with(name, rule_suffix)) return NOTHING;
    long number = ++rule_count;
    int hold = strcmp(rule_action, "hold") == 0;
    int sticky = read_only || hold || strcmp(rule_action, "fail-sticky") == 0;
    if (sticky ? number < rule_number : number != rule_number) return NOTHING;
    if (number == rule_number) record('F', 0, 0, number, name, kind, strlen(kind));
    if (hold) {
        while (armed) usleep(1000);
        return NOTHING;
    }
    if (strcmp(rule_action, "kill-before") == 0) return KILL_BEFORE;
    if (strcmp(rule_action, "kill-half") == 0) return KILL_HALF;
    if (strcmp(rule_action, "kill-after") == 0) return KILL_AFTER;
    return fail(rule_errno);
}

/* The name of a path within the directory, "." for the directory itself; NULL if it is of no interest. */
static const char *name_of(const char *path) {
    size_t length = strlen(directory);
    if (!length || strncmp(path, directory, length) != 0) return NULL;
    if (!path[length]) return ".";
    if (path[length] != '/') return NULL;
    const char *name = path + length + 1;
    if (ends_with(name, "-shm") || ends_with(name, ".lock") || strlen(name) >= NAME) return NULL;
    return name;
}

static struct tracked *tracked(int fd) { return fd >= 0 && fd < FDS && table[fd].on ? &table[fd] : NULL; }

static int do_open(const char *path, int flags, mode_t mode) {
    if (*meminfo && strcmp(path, "/proc/meminfo") == 0) path = meminfo;
    const char *name = name_of(path);
    if (!name) return real_open(path, flags, mode);
    enum action action = decide("open", (flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY, name);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    record('O', 0, 0, 0, name, "", 0);
    if (action == FAIL) return -1;
    struct stat before, after;
    int existed = fstatat(AT_FDCWD, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FDS && fstat(fd, &after) == 0) {
        struct tracked *file = &table[fd];
        file->ino = after.st_ino;
        snprintf(file->name, sizeof file->name, "%s", name);
        file->on = 1;
        if (!existed) record('C', 0, file->ino, 0, name, "", 0);
        else if ((flags & O_TRUNC) && before.st_size > 0) record('T', 0, file->ino, 0, name, "", 0);
    }
    if (action == KILL_AFTER) die();
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return do_open(path, flags, mode);
}

int close(int fd) {
    if (fd >= 0 && fd == log_fd) return 0;
    if (fd >= 0 && fd < FDS) table[fd].on = 0;
    return real_close(fd);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset) {
    struct tracked *file = tracked(fd);
    enum action action = file ? decide("read", 0, file->name) : NOTHING;
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == FAIL) return -1;
    ssize_t got = real_pread(fd, data, length, offset);
    if (action == KILL_AFTER) die();
    return got;
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset) { return pread(fd, data, length, offset); }

static ssize_t write_at(struct tracked *file, int fd, const void *data, size_t length, off_t offset) {
    enum action action = decide("write", 1, file->name);
    if (action == KILL_BEFORE) die();
    if (action == FAIL) return -1;
    if (action == KILL_HALF) {
        real_pwrite(fd, data, length / 2, offset);
        die();
    }
    ssize_t written = real_pwrite(fd, data, length, offset);
    if (written > 0) record('W', 0, file->ino, offset, file->name, data, written);
    if (action == KILL_AFTER) die();
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    struct tracked *file = tracked(fd);
    return file ? write_at(file, fd, data, length, offset) : real_pwrite(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwrite(fd, data, length, offset); }

static int is_answer(const void *data, size_t length) {
    return length > 12 && memcmp(data, "HTTP/1.1 ", 9) == 0;
}

/* An answer on its way out; it is recorded before it leaves, since others may act on it from then on. */
static enum action answer(const void *data, size_t length) {
    int is_ack = memcmp((const char *)data + 9, "200", 3) == 0 && memmem(data, length, "customerId", 10);
    enum action action = decide("send", 0, is_ack ? "ack" : "other");
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    record('A', 0, 0, 0, is_ack ? "ack" : "other", data, length);
    return action == KILL_AFTER ? action : NOTHING;
}

ssize_t write(int fd, const void *data, size_t length) {
    struct tracked *file = tracked(fd);
    if (file) {
        off_t offset = lseek(fd, 0, SEEK_CUR);
        ssize_t written = write_at(file, fd, data, length, offset);
        if (written > 0) lseek(fd, offset + written, SEEK_SET);
        return written;
    }
    enum action action = is_answer(data, length) ? answer(data, length) : NOTHING;
    ssize_t written = real_write(fd, data, length);
    if (action == KILL_AFTER) die();
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (tracked(fd)) _exit(97); /* No database does this; a record without it would be wrong. */
    enum action action = NOTHING;
    if (count > 0 && is_answer(parts[0].iov_base, parts[0].iov_len)) {
        char *whole = malloc(PAYLOAD);
        size_t length = 0;
        for (int i = 0; i < count && length < PAYLOAD; i++) {
            size_t room = PAYLOAD - length, part = parts[i].iov_len < room ? parts[i].iov_len : room;
            memcpy(whole + length, parts[i].iov_base, part);
            length += part;
        }
        action = answer(whole, length);
        free(whole);
    }
    ssize_t written = real_writev(fd, parts, count);
    if (action == KILL_AFTER) die();
    return written;
}

ssize_t send(int fd, const void *data, size_t length, int flags) {
    enum action action = is_answer(data, length) ? answer(data, length) : NOTHING;
    ssize_t sent = real_send(fd, data, length, flags);
    if (action == KILL_AFTER) die();
    return sent;
}

int ftruncate(int fd, off_t length) {
    struct tracked *file = tracked(fd);
    if (!file) return real_ftruncate(fd, length);
    enum action action = decide("truncate", 1, file->name);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == FAIL) return -1;
    int result = real_ftruncate(fd, length);
    if (result == 0) record('T', 0, file->ino, length, file->name, "", 0);
    if (action == KILL_AFTER) die();
    return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int futimens(int fd, const struct timespec times[2]) {
    struct tracked *file = tracked(fd);
    if (!file) return real_futimens(fd, times);
    enum action action = decide("times", 1, file->name);
    /* The first change of times succeeds, and is what ends the moment in which files can still be opened. */
    if (action == FAIL && atomic_exchange(&opens_fail, 1)) return -1;
    return real_futimens(fd, times);
}

static int do_sync(int fd, int (*real)(int)) {
    struct tracked *file = tracked(fd);
    if (!file) return real(fd);
    enum action action = decide("sync", 0, file->name);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == NOTHING && ignore_sync[0] && ends_with(file->name, ignore_sync)) return 0;
    uint32_t id = ++sync_ids;
    record('B', id, file->ino, 0, file->name, "", 0);
    if (late_sync[0] && ends_with(file->name, late_sync)) {
        /* It says that it is done, and is no sooner than the next one begins. */
        uint32_t before = atomic_exchange(&unfinished_sync, id);
        if (before) record('E', before, file->ino, 0, file->name, "", 0);
        return 0;
    }
    int result = action == FAIL ? -1 : real(fd);
    /* What a failed sync should have written may never be written, not even by a later one. */
    record(result == 0 ? 'E' : 'X', id, file->ino, 0, file->name, "", 0);
    if (action == FAIL) errno = rule_errno;
    if (action == KILL_AFTER) die();
    return result;
}

int fdatasync(int fd) { return do_sync(fd, real_fdatasync); }

int fsync(int fd) { return do_sync(fd, real_fsync); }

/* Whether a lock is the one that SQLite takes on the index of the log to begin to write: WAL_WRITE_LOCK. */
static int begins(int command, const struct flock *lock) {
    return command == F_SETLK && lock->l_type == F_WRLCK && lock->l_whence == SEEK_SET && lock->l_start == 120 &&
           lock->l_len == 1;
}

int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int result = real_fcntl(fd, command, argument);
    if (result == 0 && begins(command, argument) && decide("begin", 0, "-shm") != NOTHING) die();
    return result;
}

int rename(const char *from, const char *to) {
    const char *old = name_of(from), *new = name_of(to);
    if (!old && !new) return real_rename(from, to);
    if (!old || !new) _exit(96); /* Half of it could not be recorded, and a record without it would lie. */
    enum action action = decide("rename", 1, new);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == FAIL) return -1;
    int result = real_rename(from, to);
    struct stat moved;
    if (result == 0 && stat(to, &moved) == 0) {
        record('L', 0, moved.st_ino, 0, new, "", 0);
        record('U', 0, 0, 0, old, "", 0);
    }
    if (action == KILL_AFTER) die();
    return result;
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
    const char *name = name_of(to);
    if (!name) return real_linkat(from_directory, from, to_directory, to, flags);
    enum action action = decide("link", 1, name);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == FAIL) return -1;
    int result = real_linkat(from_directory, from, to_directory, to, flags);
    struct stat made;
    if (result == 0 && stat(to, &made) == 0) record('L', 0, made.st_ino, 0, name, "", 0);
    if (action == KILL_AFTER) die();
    return result;
}

int unlink(const char *path) {
    const char *name = name_of(path);
    if (!name) return real_unlink(path);
    enum action action = decide("unlink", 1, name);
    if (action == KILL_BEFORE || action == KILL_HALF) die();
    if (action == FAIL) return -1;
    int result = real_unlink(path);
    if (result == 0) record('U', 0, 0, 0, name, "", 0);
    if (action == KILL_AFTER) die();
    return result;
}

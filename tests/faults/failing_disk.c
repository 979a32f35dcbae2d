/* Makes a folder fail as a disk does, for a program that is started with this before the library of
   C (LD_PRELOAD). What is in the file FAILING_DISK_SWITCH says how: `r` as if it had been mounted
   read-only, `e` as if nothing could be written, and nothing read of the log, for errors of the
   device; anything else: not at all. Files that were mapped into memory are not touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static char mode(void) {
    const char *path = getenv("FAILING_DISK_SWITCH");
    char how = 0;
    if (!path) return 0;
    int saved = errno, fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (syscall(SYS_read, fd, &how, 1) != 1) how = 0;
        syscall(SYS_close, fd);
    }
    errno = saved;
    return how;
}

static int is_there(const char *path) {
    const char *folder = getenv("FAILING_DISK_FOLDER");
    return folder && !strncmp(path, folder, strlen(folder));
}

static int path_of(int fd, char path[4096]) {
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 4095);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return is_there(path);
}

/* The error that a write to this file ends with. */
static int refused(int fd) {
    char path[4096], how = mode();
    if ((how != 'r' && how != 'e') || !path_of(fd, path)) return 0;
    return how == 'r' ? EROFS : EIO;
}

static int refused_path(const char *path) {
    return mode() == 'r' && is_there(path) ? EROFS : 0;
}

#define FAIL_IF(error) do { int why = (error); if (why) { errno = why; return -1; } } while (0)

#define OPENER(name, pass)                                                                      \
    {                                                                                           \
        mode_t bits = 0;                                                                        \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                    \
            va_list more;                                                                       \
            va_start(more, flags);                                                              \
            bits = va_arg(more, mode_t);                                                        \
            va_end(more);                                                                       \
        }                                                                                       \
        if (flags & (O_WRONLY | O_RDWR | O_TRUNC)) FAIL_IF(refused_path(path));                 \
        return REAL(name) pass;                                                                 \
    }

int open(const char *path, int flags, ...) OPENER(open, (path, flags, bits))
int open64(const char *path, int flags, ...) OPENER(open64, (path, flags, bits))
int openat(int at, const char *path, int flags, ...) OPENER(openat, (at, path, flags, bits))
int openat64(int at, const char *path, int flags, ...) OPENER(openat64, (at, path, flags, bits))

ssize_t write(int fd, const void *bytes, size_t count) {
    FAIL_IF(refused(fd));
    return REAL(write)(fd, bytes, count);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    FAIL_IF(refused(fd));
    return REAL(writev)(fd, parts, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    FAIL_IF(refused(fd));
    return REAL(pwrite)(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    FAIL_IF(refused(fd));
    return REAL(pwrite64)(fd, bytes, count, at);
}
int fsync(int fd) {
    FAIL_IF(refused(fd));
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    FAIL_IF(refused(fd));
    return REAL(fdatasync)(fd);
}
int ftruncate(int fd, off_t length) {
    FAIL_IF(refused(fd));
    return REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    FAIL_IF(refused(fd));
    return REAL(ftruncate64)(fd, length);
}
int rename(const char *from, const char *to) {
    FAIL_IF(refused_path(to));
    return REAL(rename)(from, to);
}
int unlink(const char *path) {
    FAIL_IF(refused_path(path));
    return REAL(unlink)(path);
}
int mkdir(const char *path, mode_t bits) {
    FAIL_IF(refused_path(path));
    return REAL(mkdir)(path, bits);
}

/* Only the log cannot be read: its readers are what is tried here. */
static int unreadable(int fd) {
    char path[4096];
    return mode() == 'e' && path_of(fd, path) && strstr(path, "/log.db") ? EIO : 0;
}
ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
    FAIL_IF(unreadable(fd));
    return REAL(pread)(fd, bytes, count, at);
}
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    FAIL_IF(unreadable(fd));
    return REAL(pread64)(fd, bytes, count, at);
}

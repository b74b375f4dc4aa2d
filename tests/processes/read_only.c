/* Makes the files below one folder read-only for a process at work, as a file system is after an error of its disk:
   LD_PRELOAD this. As long as the file READ_ONLY_WHILE is there, nothing below READ_ONLY_BELOW can be changed, also not
   by whoever opened it before. The kernel itself remounts nothing read-only in which a file is open for writing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int stands(const char *path)
{
    const char *folder = getenv("READ_ONLY_BELOW"), *flag = getenv("READ_ONLY_WHILE");
    if (!folder || !flag || !path)
        return 0;
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) || (path[length] != '/' && path[length] != 0))
        return 0;
    int before = errno;
    struct stat found;
    int there = stat(flag, &found) == 0;
    errno = before;
    return there;
}

static int holds(int fd)
{
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return stands(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSED (errno = EROFS, -1)

#define OF_A_FILE(type, name, declared, given) \
    type name declared { return holds(fd) ? (type)REFUSED : REAL(name) given; }
#define OF_A_PATH(name, declared, given) \
    int name declared { return stands(path) ? REFUSED : REAL(name) given; }
#define OPENING(name, declared, given) \
    int name declared \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)) \
            if (stands(path)) \
                return REFUSED; \
        return REAL(name) given; \
    }

OF_A_FILE(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
OF_A_FILE(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
OF_A_FILE(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
OF_A_FILE(int, fsync, (int fd), (fd))
OF_A_FILE(int, fdatasync, (int fd), (fd))
OF_A_FILE(int, ftruncate, (int fd, off_t size), (fd, size))
OF_A_FILE(int, ftruncate64, (int fd, off64_t size), (fd, size))
OF_A_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
OF_A_PATH(rename, (const char *path, const char *to), (path, to))
OF_A_PATH(unlink, (const char *path), (path))
OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

int access(const char *path, int how)
{
    return how & W_OK && stands(path) ? REFUSED : REAL(access)(path, how);
}

/* Makes every sync to disk take 2 ms longer, as on a common server disk: LD_PRELOAD this into the node. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static void nap(void)
{
    struct timespec two_ms = {0, 2000000};
    nanosleep(&two_ms, 0);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    nap();
    return real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    nap();
    return real(fd);
}

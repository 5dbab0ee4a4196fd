/* launch.c: runs a program and says what it took: `launch PROGRAM ARGUMENT...` prints user and system time in ns and
 * the peak of memory in bytes. A small program of its own, because a peak begins with that of who starts it. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct rusage used;
  int status;
  pid_t child;

  if (count < 2) return 2;
  child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stdout)) _exit(126);
    execv(arguments[1], arguments + 1);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &used) != child) return 1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "launch: %s ended with status %d\n", arguments[1], status);
    return 1;
  }
  printf("%lld %lld\n",
         (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000LL +
             (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL,
         used.ru_maxrss * 1024LL);
  return 0;
}

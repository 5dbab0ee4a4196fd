/* Loads and unloads plugins: host MODE PLUGIN [OTHER]. Exits with 0 when nothing of the library stayed behind; else it
 * says what did. See run.py. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Plugin {
  void *handle;
  int (*begin)(void), (*use)(void), (*hold)(void), (*profile)(void), (*listen)(int);
  void (*end)(void);
} Plugin;

static int failures;

static void check(int holds, const char *what) {
  if (holds) return;
  printf("failed: %s\n", what);
  failures++;
}

static void *symbol(void *handle, const char *name) {
  void *address = dlsym(handle, name);
  if (!address) puts(dlerror()), exit(2);
  return address;
}

static Plugin load(const char *path) {
  Plugin plugin;
  plugin.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!plugin.handle) puts(dlerror()), exit(2);
  *(void **)&plugin.begin = symbol(plugin.handle, "plugin_begin");
  *(void **)&plugin.use = symbol(plugin.handle, "plugin_use");
  *(void **)&plugin.hold = symbol(plugin.handle, "plugin_hold");
  *(void **)&plugin.profile = symbol(plugin.handle, "plugin_profile");
  *(void **)&plugin.listen = symbol(plugin.handle, "plugin_listen");
  *(void **)&plugin.end = symbol(plugin.handle, "plugin_end");
  check(plugin.begin(), "a plugin that is loaded works");
  return plugin;
}

static void unload(Plugin *plugin) {
  check(dlclose(plugin->handle) == 0, "dlclose");
}

/* Pages of address space (0), resident ones (1). */
static unsigned long pages(int which) {
  unsigned long all[2] = {0, 0};
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%lu %lu", &all[0], &all[1]) != 2) exit(2);
  fclose(file);
  return all[which];
}

static int is_mapped(const char *part) {
  char line[1024];
  int found = 0;
  FILE *file = fopen("/proc/self/maps", "r");
  if (!file) exit(2);
  while (fgets(line, sizeof line, file)) found |= strstr(line, part) != NULL;
  fclose(file);
  return found;
}

static int threads(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  if (!folder) exit(2);
  for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static void of_the_host(int number) {
  (void)number;
}

static void (*now_does(int number))(int) {
  struct sigaction now;
  if (sigaction(number, NULL, &now) != 0) exit(2);
  return now.sa_handler;
}

static void check_fork(const char *what) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(0);
  int status = 1;
  check(child > 0 && waitpid(child, &status, 0) == child && status == 0, what);
}

static Plugin last; /* that the exit unloads */

static void unload_last(void) {
  unload(&last);
  usleep(20000); /* a thread that stayed would run into nothing */
}

int main(int argc, char **argv) {
  const char *mode = argc > 2 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
  unsigned long space = 0, resident = 0;
  int rounds = strcmp(mode, "exit") == 0 || strcmp(mode, "late") == 0 ? 1 : 100;
  if (argc < 3) return 2;
  if (strcmp(mode, "late") == 0 && atexit(unload_last) != 0) return 2;
  Plugin other;
  if (argc > 3) other = load(argv[3]);
  for (int i = 0; i < rounds; i++) {
    Plugin plugin = load(path);
    if (strcmp(mode, "hold") == 0 || rounds == 1) check(plugin.hold(), "an object is held");
    if (strcmp(mode, "profile") == 0) check(plugin.profile(), "a heap is profiled");
    if (strcmp(mode, "signal") == 0) {
      signal(SIGUSR2, i % 2 ? SIG_IGN : SIG_DFL);
      check(plugin.listen(SIGUSR2), "a signal is listened to");
      if (i % 3 == 0) signal(SIGUSR2, of_the_host);
    }
    if (strcmp(mode, "fork") == 0) check_fork("a fork while the plugin is loaded");
    if (i % 10 == 0) usleep(2000); /* a thread begins to run */
    if (strcmp(mode, "end") == 0) plugin.end();
    if (rounds == 1) {
      last = plugin;
      break;
    }
    unload(&plugin);
    check(!is_mapped(path), "the plugin's code is gone");
    check(argc > 3 || threads() == 1, "no thread stays");
    if (strcmp(mode, "signal") == 0) {
      void (*expected)(int) = i % 3 == 0 ? of_the_host : i % 2 ? SIG_IGN : SIG_DFL;
      check(now_does(SIGUSR2) == expected, "the signal does what it did, or what the host said since");
    }
    if (strcmp(mode, "fork") == 0) check_fork("a fork when the plugin is gone");
    if (argc > 3) check(other.use(), "the other plugin works");
    if (i == 1) space = pages(0), resident = pages(1);
  }
  if (rounds == 1) return failures ? 1 : 0; /* by exit, with the plugin loaded */
  check(pages(0) < space + (64 << 8), "address space is given back");
  check(pages(1) < resident + (4 << 8), "memory is given back");
  if (argc > 3) unload(&other), check(!is_mapped(argv[3]), "the other plugin's code is gone");
  return failures ? 1 : 0;
}

/* SPDX-License-Identifier: MIT
 *
 *   power_cut MOUNTPOINT
 *
 * Takes the power from an ext4 filesystem: from now on nothing reaches its device, not even its journal, and every
 * operation fails.  What was not flushed is gone after mounting it again.  Used by power_cut_test.sh.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t) /* EXT4_IOC_SHUTDOWN of linux/ext4.h, which few systems have */
enum { WITHOUT_FLUSHING_LOG = 2 };

int main(int argc, char **argv) {
  uint32_t how = WITHOUT_FLUSHING_LOG;
  int fd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd < 0 || ioctl(fd, SHUTDOWN, &how)) {
    perror("power_cut");
    return 1;
  }
  close(fd);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// What the C library wants of an operating system, said to be missing. The crypto library has its
// own memory (main.c); its only use of the C library beyond string.h is snprintf into a buffer.
#include <errno.h>
#include <sys/stat.h>

void* _sbrk(int n) {
  (void)n;
  errno = ENOMEM;
  return (void*)-1;
}
int _write(int file, const char* p, int n) {
  (void)file;
  (void)p;
  (void)n;
  return -1;
}
int _read(int file, char* p, int n) {
  (void)file;
  (void)p;
  (void)n;
  return -1;
}
int _close(int file) {
  (void)file;
  return -1;
}
int _lseek(int file, int offset, int whence) {
  (void)file;
  (void)offset;
  (void)whence;
  return -1;
}
int _fstat(int file, struct stat* st) {
  (void)file;
  (void)st;
  return -1;
}
int _isatty(int file) {
  (void)file;
  return 0;
}
void _exit(int code) {
  (void)code;
  for (;;) {
  }
}
int _kill(int process, int signal) {
  (void)process;
  (void)signal;
  return -1;
}
int _getpid(void) { return 1; }

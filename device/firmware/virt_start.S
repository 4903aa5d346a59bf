/* SPDX-License-Identifier: Apache-2.0
   Entry of the firmware on virt: a stack, zeroed memory, main. A fault stops the core, so that the
   station sees a device that does not answer and never a half-working one. */
  .section .start, "ax"
  .arm
  .global start
start:
  cpsid aif
  ldr sp, =stack_top
  ldr r0, =vectors
  mcr p15, 0, r0, c12, c0, 0
  ldr r0, =bss_start
  ldr r1, =bss_end
  mov r2, #0
1:
  cmp r0, r1
  strlo r2, [r0], #4
  blo 1b
  bl main
halt:
  wfi
  b halt

  .balign 32
vectors:
  .rept 8
  b halt
  .endr
  .ltorg

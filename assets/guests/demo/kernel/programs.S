// The programs of ring 3, each a linked ELF64 file of its own, and the table of them (struct program in kernel.h).

.macro program name, description
  .section .user, "a"
  .align 16
start_\name:
  .incbin "\name"
end_\name:
  .section .rodata.names, "a"
name_\name: .asciz "\name"
text_\name: .asciz "\description"
  .section .rodata.programs, "a"
  .quad name_\name, text_\name, start_\name, end_\name
.endm

.section .rodata.programs, "a"
.align 8
.global programs
programs:
program primes, "prime numbers up to N: primes 1000"
program mandelbrot, "the Mandelbrot set in text colours"
program life, "Conway's game of life, until Ctrl-C"
program calc, "a calculator: calc 2*(3+4), or alone for a conversation"
program guess, "guess the number"
program spin, "keeps the processor busy until Ctrl-C"
program hog, "takes memory until the kernel says no"
program wild, "reads address 0 and is ended for it"
program intruder, "tries everything that ring 3 must not do"
program syscalls, "measures trips from ring 3 to ring 0 and back"
.section .rodata.programs, "a"
programs_end:
.section .rodata, "a"
.align 8
.global program_count
program_count: .quad (programs_end - programs) / 32

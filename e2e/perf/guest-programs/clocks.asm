; A Multiboot kernel that counts the ticks of every timer of the PC and reads every clock, to compare them with one another.
; 8254 at about 1000 Hz on IRQ 0 and RTC at 1024 Hz on IRQ 8 through the 8259s, HPET timer 0 at 1000 Hz on I/O APIC input 20, and the
; local APIC's timer once a millisecond. The command line ends in two letters: "p" periodic, "d" TSC deadline or "o" one-shot, set again
; in each interrupt; then "b" for a processor that computes in between, "i" for one that halts.
; For each byte on COM1 it waits until the RTC's second changes, reads all clocks and answers with a line of hexadecimal numbers:
;   @ TSC HPET PM-timer 8254-ticks RTC-ticks HPET-ticks APIC-ticks RTC-seconds-of-the-day worst-lateness sum-of-lateness
; Lateness: TSC ticks from when the APIC's interrupt was due to its handler (one-shot and TSC deadline).
; It starts with a line "@READY". Build: nasm -f bin.
bits 32
org 0x100000

LOAD equ 0x100000
COM1 equ 0x3f8
LAPIC equ 0xfee00000
IOAPIC equ 0xfec00000
HPET equ 0xfed00000
PM_TIMER equ 0x608
MILLISECOND equ 1000000          ; of the TSC and the local APIC's timer
PIT_DIVISOR equ 1193
VECTOR_PIC equ 0x20
VECTOR_HPET equ 0x50
VECTOR_APIC equ 0x60
VECTOR_SPURIOUS equ 0xff

header:
    dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
    dd header, LOAD, end_of_file, end_of_memory, start

start:
    mov esp, stack_top
    mov edi, [ebx + 16]          ; command line: its last word
    xor al, al
    mov ecx, -1
    repne scasb
    mov ax, [edi - 3]
    mov [options], ax
    call set_up_serial
    call set_up_interrupts
    call set_up_pic
    call set_up_pit
    call set_up_rtc
    call set_up_hpet
    call set_up_apic
    mov esi, ready
    call print
    sti

main:
    mov dx, COM1 + 5
    in al, dx
    test al, 1
    jnz .asked
    cmp byte [options + 1], 'b'
    je .busy
    cli                          ; a byte that has come since raises its interrupt at the HLT
    in al, dx
    test al, 1
    jnz .asked
    sti
    hlt
    jmp main
.busy:
    mov ecx, 20000
    mov eax, [noise]
.compute:
    imul eax, eax, 1664525
    add eax, 1013904223
    loop .compute
    mov [noise], eax
    jmp main
.asked:
    sti
    mov dx, COM1
    in al, dx
    mov byte [attempts], 20
.again:
    call wait_for_second
    call snapshot                ; with interrupts off
    rdtsc                        ; a host that was away in between would blur it
    sub eax, [s_poll]
    cmp eax, 2 * MILLISECOND
    jb .good
    dec byte [attempts]
    jnz .again
.good:
    call answer
    jmp main

; Until the seconds register changes. The handler of IRQ 8 uses the same index register.
wait_for_second:
    call rtc_seconds
    mov bl, al
.again:
    rdtsc
    mov [s_poll], eax
    call rtc_seconds
    cmp al, bl
    je .again
    ret
rtc_seconds:
    cli
    xor al, al
    out 0x70, al
    in al, 0x71
    sti
    ret

snapshot:
    cli
    rdtsc
    mov [s_tsc], eax
    mov [s_tsc + 4], edx
.hpet:
    mov edx, [HPET + 0xf4]
    mov eax, [HPET + 0xf0]
    cmp edx, [HPET + 0xf4]
    jne .hpet
    mov [s_hpet], eax
    mov [s_hpet + 4], edx
    mov dx, PM_TIMER
    in eax, dx
    mov [s_pm], eax
    mov esi, pit_ticks
    mov edi, s_pit
    mov ecx, 4
    rep movsd
    mov al, 4
    call rtc_number
    imul ebx, eax, 3600
    mov al, 2
    call rtc_number
    imul eax, eax, 60
    add ebx, eax
    xor al, al
    call rtc_number
    add ebx, eax
    mov [s_second], ebx
    mov eax, [worst]
    mov [s_worst], eax
    mov eax, [lateness]
    mov [s_lateness], eax
    mov eax, [lateness + 4]
    mov [s_lateness + 4], eax
    sti
    ret
; A register of the RTC, which counts in BCD.
rtc_number:
    out 0x70, al
    in al, 0x71
    movzx eax, al
    mov edx, eax
    shr edx, 4
    and eax, 15
    imul edx, edx, 10
    add eax, edx
    ret

answer:
    mov al, '@'
    call put
    mov esi, s_tsc
    call print64
    mov esi, s_hpet
    call print64
    mov esi, s_pm
    mov ecx, 7
.next:
    call print32
    add esi, 4
    loop .next
    mov esi, s_lateness
    call print64
    mov al, 10
    jmp put

print64:
    mov al, ' '
    call put
    mov edx, [esi + 4]
    call hex
    mov edx, [esi]
    jmp hex
print32:
    mov al, ' '
    call put
    mov edx, [esi]
hex:
    push ecx
    mov ecx, 8
.digit:
    rol edx, 4
    mov eax, edx
    and eax, 15
    mov al, [digits + eax]
    call put
    loop .digit
    pop ecx
    ret
print:
    lodsb
    test al, al
    jz .done
    call put
    jmp print
.done:
    ret
put:
    push edx
    push eax
    mov dx, COM1 + 5
.full:
    in al, dx
    test al, 0x20
    jz .full
    pop eax
    mov dx, COM1
    out dx, al
    pop edx
    ret

; ---- setting up

set_up_serial:
    mov dx, COM1 + 1
    mov al, 1                    ; an interrupt for each byte, to end the HLT
    out dx, al
    mov dx, COM1 + 3
    mov al, 3
    out dx, al
    mov dx, COM1 + 4
    mov al, 0x0b
    out dx, al
    ret

set_up_interrupts:
    mov edi, idt
    mov ecx, 256
    mov eax, nothing
.gate:
    mov [edi], ax
    mov [edi + 2], cs
    mov word [edi + 4], 0x8e00
    mov edx, eax
    shr edx, 16
    mov [edi + 6], dx
    add edi, 8
    loop .gate
    mov esi, handlers
.handler:
    lodsd
    test eax, eax
    jz .done
    mov edi, eax
    lodsd
    mov [idt + edi * 8], ax
    shr eax, 16
    mov [idt + edi * 8 + 6], ax
    jmp .handler
.done:
    lidt [idt_register]
    ret
handlers:
    dd VECTOR_PIC, pit_interrupt, VECTOR_PIC + 4, serial_interrupt, VECTOR_PIC + 8, rtc_interrupt
    dd VECTOR_HPET, hpet_interrupt, VECTOR_APIC, apic_interrupt, 0

set_up_pic:
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, VECTOR_PIC
    out 0x21, al
    add al, 8
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xff - 0x15          ; IRQ 0, 2 and 4
    out 0x21, al
    mov al, 0xfe                 ; IRQ 8
    out 0xa1, al
    ret

set_up_pit:
    mov al, 0x34
    out 0x43, al
    mov al, PIT_DIVISOR & 255
    out 0x40, al
    mov al, PIT_DIVISOR >> 8
    out 0x40, al
    ret

set_up_rtc:
    mov ax, 0x260a               ; 1024 Hz
    call rtc_write
    mov ax, 0x420b               ; periodic interrupt, 24 hours, BCD
    call rtc_write
    mov al, 0x0c
    out 0x70, al
    in al, 0x71
    ret
rtc_write:
    out 0x70, al
    mov al, ah
    out 0x71, al
    ret

set_up_hpet:
    mov dword [IOAPIC], 0x10 + 2 * 20
    mov dword [IOAPIC + 0x10], VECTOR_HPET
    mov dword [IOAPIC], 0x11 + 2 * 20
    mov dword [IOAPIC + 0x10], 0
    mov dword [HPET + 0x10], 0
    mov dword [HPET + 0xf0], 0
    mov dword [HPET + 0xf4], 0
    mov dword [HPET + 0x100], (20 << 9) | 0x14c   ; 32 bits, value set, periodic, enabled
    mov dword [HPET + 0x108], 100000
    mov dword [HPET + 0x108], 100000
    mov dword [HPET + 0x10], 1
    ret

set_up_apic:
    mov dword [LAPIC + 0xf0], 0x100 | VECTOR_SPURIOUS
    mov dword [LAPIC + 0x3e0], 0x0b
    mov al, [options]
    cmp al, 'p'
    je .periodic
    cmp al, 'o'
    je .one_shot
    mov dword [LAPIC + 0x320], 0x40000 | VECTOR_APIC
    rdtsc
    mov [due], eax
    mov [due + 4], edx
    jmp next_deadline
.periodic:
    mov dword [LAPIC + 0x320], 0x20000 | VECTOR_APIC
    mov dword [LAPIC + 0x380], MILLISECOND
    ret
.one_shot:
    mov dword [LAPIC + 0x320], VECTOR_APIC
    jmp next_shot

; A millisecond after the last deadline: what comes late does not add up.
next_deadline:
    add dword [due], MILLISECOND
    adc dword [due + 4], 0
    mov eax, [due]
    mov edx, [due + 4]
    mov ecx, 0x6e0
    wrmsr
    ret
next_shot:
    rdtsc
    add eax, MILLISECOND
    adc edx, 0
    mov [due], eax
    mov [due + 4], edx
    mov dword [LAPIC + 0x380], MILLISECOND
    ret

; ---- interrupts

pit_interrupt:
    push eax
    inc dword [pit_ticks]
    jmp end_of_irq
serial_interrupt:
    push eax
end_of_irq:
    mov al, 0x20
    out 0x20, al
    pop eax
    iret

rtc_interrupt:
    push eax
    inc dword [rtc_ticks]
    mov al, 0x0c
    out 0x70, al
    in al, 0x71
    mov al, 0x20
    out 0xa0, al
    out 0x20, al
    pop eax
    iret

hpet_interrupt:
    inc dword [hpet_ticks]
    mov dword [LAPIC + 0xb0], 0
    iret

apic_interrupt:
    pushad
    inc dword [apic_ticks]
    cmp byte [options], 'p'
    je .done
    rdtsc
    sub eax, [due]
    sbb edx, [due + 4]
    js .set
    add [lateness], eax
    adc [lateness + 4], edx
    cmp eax, [worst]
    jbe .set
    mov [worst], eax
.set:
    cmp byte [options], 'o'
    je .shot
    call next_deadline
    jmp .done
.shot:
    call next_shot
.done:
    mov dword [LAPIC + 0xb0], 0
    popad
    iret

nothing:
    iret

digits db "0123456789abcdef"
ready db "@READY", 10, 0
align 4
idt_register:
    dw 256 * 8 - 1
    dd idt
end_of_file:

absolute (end_of_file - header + LOAD + 15) & ~15
options resd 1
attempts resd 1
s_poll resd 1
noise resd 1
due resq 1
lateness resq 1
worst resd 1
; in the order of an answer
pit_ticks resd 1
rtc_ticks resd 1
hpet_ticks resd 1
apic_ticks resd 1
s_tsc resq 1
s_hpet resq 1
s_pm resd 1
s_pit resd 4
s_second resd 1
s_worst resd 1
s_lateness resq 1
idt resq 256
stack resb 4096
stack_top:
end_of_memory:

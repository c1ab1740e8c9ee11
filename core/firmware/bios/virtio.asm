; virtio block devices (Virtual I/O Device 1.2; legacy interface of 0.9.5): one request at a time, polled. Devices with an I/O BAR
; are driven by the legacy interface, others by the modern one through memory, like AHCI not from virtual-8086 mode.

VIRTIO_BLK_OLD  equ 0x10011AF4
VIRTIO_BLK      equ 0x10421AF4
VQ_SIZE         equ 16                  ; modern devices take any size
V_NEXT          equ 1
V_WRITE         equ 2

virtio_init:
        mov     word [ring_free], RINGS
        mov     cx, .function
        jmp     pci_each
.function:
        cmp     eax, VIRTIO_BLK_OLD
        je      .block
        cmp     eax, VIRTIO_BLK
        jne     .out
.block:
        call    drive_new
        jc      .out
        call    pci_master
        mov     byte [si + drive.type], T_VIRTIO
        mov     [si + drive.bdf], bx
        mov     dword [si + drive.name], "virt"
        mov     dword [si + drive.name + 4], "io d"
        mov     dword [si + drive.name + 8], "isk"
        mov     di, 0x10
        call    pci_read32
        test    al, 1
        jz      virtio_modern
        and     ax, 0xFFFC
        jz      virtio_modern
        jmp     virtio_legacy
.out:
        ret

; Registers at I/O base AX.
virtio_legacy:
        mov     [si + drive.io], ax
        mov     dx, ax
        add     dx, 0x12                ; status: reset, acknowledge, driver
        mov     al, 0
        out     dx, al
        mov     al, 1
        out     dx, al
        mov     al, 3
        out     dx, al
        sub     dx, 0x12 - 0x04         ; features: none
        xor     eax, eax
        out     dx, eax
        add     dx, 0x0E - 0x04
        out     dx, ax
        sub     dx, 2
        in      ax, dx                  ; queue size
        or      ax, ax
        jz      .failed
        cmp     ax, 1024
        ja      .failed
        mov     [si + drive.ringsize], ax
        movzx   eax, ax
        lea     ecx, [eax + eax * 8]    ; descriptors 16 n, available ring 6 + 2 n, on a page boundary the used ring 6 + 8 n
        lea     ecx, [ecx + ecx + 6 + 4095]
        and     ecx, 0xFFFFF000
        lea     edx, [eax * 8 + 6 + 4095]
        and     edx, 0xFFFFF000
        add     edx, ecx
        call    ring_alloc
        jc      .failed
        add     cx, [si + drive.ring]
        mov     [si + drive.used], cx
        movzx   eax, word [si + drive.ring]
        add     eax, DSEG * 16
        shr     eax, 12
        mov     dx, [si + drive.io]
        add     dx, 8
        out     dx, eax
        add     dx, 0x12 - 8
        mov     al, 7
        out     dx, al
        add     dx, 2
        in      eax, dx
        mov     [si + drive.sectors], eax
        add     dx, 4
        in      eax, dx
        mov     [si + drive.sectors + 4], eax
        jmp     virtio_add
.failed:
        mov     dx, [si + drive.io]
        add     dx, 0x12
        mov     al, 0x80
        out     dx, al
        ret

virtio_add:
        mov     eax, [si + drive.sectors]
        or      eax, [si + drive.sectors + 4]
        jnz     disk_add
        ret

; EDX bytes for the queue of drive SI, cleared. CF if there is no room. Keeps CX, EAX.
ring_alloc:
        push    eax
        movzx   eax, word [ring_free]
        mov     [si + drive.ring], ax
        add     eax, edx
        cmp     eax, RINGS_END
        ja      .full
        jne     .more
        mov     ax, 0xFFFF
.more:
        mov     [ring_free], ax
        push    cx
        push    di
        push    es
        mov     ax, DSEG
        mov     es, ax
        mov     di, [si + drive.ring]
        mov     cx, dx
        shr     cx, 1
        xor     ax, ax
        rep stosw
        pop     es
        pop     di
        pop     cx
        clc
        jmp     .out
.full:
        stc
.out:
        pop     eax
        ret

; The registers of function BX that capability type AL points to: EAX = address, EDX = the double word after, or CF.
virtio_find:
        push    cx
        mov     cl, al
        mov     di, 6
        call    pci_read8
        test    al, 0x10
        jz      .none
        mov     di, 0x34
        mov     ch, 48                  ; a list that loops ends
.next:
        call    pci_read8
        and     ax, 0x00FC
        jz      .none
        mov     di, ax
        dec     ch
        jz      .none
        call    pci_read32
        cmp     al, 0x09
        jne     .other
        shr     eax, 24
        cmp     al, cl
        je      .found
.other:
        inc     di
        jmp     .next
.found:
        push    di
        add     di, 4
        call    pci_read8               ; BAR
        cmp     al, 5
        ja      .bad
        cbw
        shl     ax, 2
        add     ax, 0x10
        mov     di, ax
        call    pci_read32
        test    al, 1
        jnz     .bad
        and     eax, 0xFFFFFFF0
        jz      .bad
        pop     di
        push    eax
        add     di, 16
        call    pci_read32
        mov     edx, eax
        sub     di, 8
        call    pci_read32
        pop     ecx
        add     eax, ecx
        pop     cx
        clc
        ret
.bad:
        pop     di
.none:
        pop     cx
        stc
        ret

virtio_modern:
        mov     al, 1
        call    virtio_find
        jc      .out
        mov     [virtio_common], eax
        mov     al, 2
        call    virtio_find
        jc      .out
        mov     [virtio_notify], eax
        mov     [virtio_step], edx
        mov     al, 3
        call    virtio_find
        jc      .out
        mov     [si + drive.isr], eax
        mov     al, 4
        call    virtio_find
        jc      .out
        mov     [virtio_device], eax
        call    enter_flat
        mov     edi, [virtio_common]
        mov     byte [fs:edi + 0x14], 0
.reset:
        cmp     byte [fs:edi + 0x14], 0
        jne     .reset
        mov     byte [fs:edi + 0x14], 1
        mov     byte [fs:edi + 0x14], 3
        mov     dword [fs:edi + 8], 0           ; features: version 1 alone
        mov     dword [fs:edi + 12], 0
        mov     dword [fs:edi + 8], 1
        mov     dword [fs:edi + 12], 1
        mov     byte [fs:edi + 0x14], 0x0B
        test    byte [fs:edi + 0x14], 8
        jz      .failed
        mov     word [fs:edi + 0x16], 0
        mov     ax, [fs:edi + 0x18]
        or      ax, ax
        jz      .failed
        cmp     ax, VQ_SIZE
        jbe     .size
        mov     ax, VQ_SIZE
        mov     [fs:edi + 0x18], ax
.size:
        mov     [si + drive.ringsize], ax
        mov     edx, 4096
        call    ring_alloc
        call    enter_flat
        jc      .failed
        mov     cx, [si + drive.ring]
        add     cx, 0x800
        mov     [si + drive.used], cx
        movzx   eax, word [si + drive.ring]
        add     eax, DSEG * 16
        mov     [fs:edi + 0x20], eax
        mov     dword [fs:edi + 0x24], 0
        movzx   ecx, word [si + drive.ringsize]
        shl     cx, 4
        add     eax, ecx
        mov     [fs:edi + 0x28], eax
        mov     dword [fs:edi + 0x2C], 0
        movzx   eax, word [si + drive.used]
        add     eax, DSEG * 16
        mov     [fs:edi + 0x30], eax
        mov     dword [fs:edi + 0x34], 0
        movzx   eax, word [fs:edi + 0x1E]
        mul     dword [virtio_step]
        add     eax, [virtio_notify]
        mov     [si + drive.notify], eax
        mov     word [fs:edi + 0x1C], 1
        mov     byte [fs:edi + 0x14], 0x0F
        mov     edi, [virtio_device]
        mov     eax, [fs:edi]
        mov     [si + drive.sectors], eax
        mov     eax, [fs:edi + 4]
        mov     [si + drive.sectors + 4], eax
        jmp     virtio_add
.failed:
        mov     byte [fs:edi + 0x14], 0x80
.out:
        ret

; See block_transfer.
virtio_transfer:
        push    fs
        cmp     word [si + drive.io], 0
        jne     .next
        call    ahci_enter
        jc      .end
.next:
        mov     ecx, [rq_count]
        sub     ecx, [rq_done]
        jz      .good
        cmp     ecx, 128
        jbe     .size
        mov     ecx, 128
.size:
        ; The request: type, sector; its status byte comes behind.
        xor     eax, eax
        mov     dx, V_NEXT | V_WRITE
        cmp     byte [rq_op], OP_WRITE
        jne     .read
        inc     ax
        mov     dx, V_NEXT
.read:
        mov     [VIRTIO_HEADER], eax
        mov     dword [VIRTIO_HEADER + 4], 0
        mov     eax, [rq_lba]
        mov     edi, [rq_lba + 4]
        add     eax, [rq_done]
        adc     edi, 0
        mov     [VIRTIO_HEADER + 8], eax
        mov     [VIRTIO_HEADER + 12], edi
        mov     byte [VIRTIO_HEADER + 16], 0xFF
        mov     bx, [si + drive.ring]
        xor     eax, eax
        mov     dword [bx], DSEG * 16 + VIRTIO_HEADER
        mov     [bx + 4], eax
        mov     dword [bx + 8], 16
        mov     dword [bx + 12], V_NEXT | 1 << 16
        mov     edi, [rq_buffer]
        mov     [bx + 16], edi
        mov     [bx + 20], eax
        mov     edi, ecx
        shl     edi, 9
        mov     [bx + 24], edi
        mov     [bx + 28], dx
        mov     word [bx + 30], 2
        mov     dword [bx + 32], DSEG * 16 + VIRTIO_HEADER + 16
        mov     [bx + 36], eax
        mov     dword [bx + 40], 1
        mov     dword [bx + 44], V_WRITE
        mov     di, [si + drive.ringsize]       ; available ring: no interrupts, please
        mov     dx, di
        dec     dx
        shl     di, 4
        add     bx, di
        mov     word [bx], 1
        mov     di, [bx + 2]
        and     di, dx
        shl     di, 1
        mov     word [bx + di + 4], 0
        inc     word [bx + 2]
        mov     ax, TICKS_DRIVE
        call    timer_set
        mov     dx, [si + drive.io]
        or      dx, dx
        jz      .notify_modern
        add     dx, 0x10
        xor     ax, ax
        out     dx, ax
        jmp     .wait
.notify_modern:
        mov     edi, [si + drive.notify]
        mov     word [fs:edi], 0
.wait:
        mov     bx, [si + drive.used]
        mov     ax, [bx + 2]
        cmp     ax, [si + drive.seen]
        jne     .done
        call    timer_check
        jnc     .wait
        mov     ah, E_TIMEOUT
        jmp     .end
.done:
        mov     [si + drive.seen], ax
        mov     dx, [si + drive.io]             ; reading the status takes an interrupt back
        or      dx, dx
        jz      .isr_modern
        add     dx, 0x13
        in      al, dx
        jmp     .status
.isr_modern:
        mov     edi, [si + drive.isr]
        mov     al, [fs:edi]
.status:
        mov     ah, E_CONTROLLER
        cmp     byte [VIRTIO_HEADER + 16], 0
        jne     .end
        add     [rq_done], ecx
        shl     ecx, 9
        add     [rq_buffer], ecx
        jmp     .next
.good:
        mov     ah, E_OK
.end:
        pop     fs
        ret

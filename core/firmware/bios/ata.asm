; ATA and ATAPI drives on the two legacy IDE channels, by programmed I/O (ATA/ATAPI-6; SCSI MMC-3 for the packets). The drives'
; interrupts are held off while the firmware polls.

ATA_ERR         equ 0x01
ATA_DRQ         equ 0x08
ATA_DF          equ 0x20
ATA_RDY         equ 0x40
ATA_BSY         equ 0x80
TICKS_DRIVE     equ 20 * 18             ; 20 s
TICKS_PROBE     equ 2 * 18

ata_channels:   dw 0x1F0, 0x3F6, 0x170, 0x376

; Every drive of both channels gets a record.
ata_init:
        mov     eax, 0x010180           ; the IDE function's address, for EDD
        mov     si, 0
        call    .function
        xor     cx, cx                  ; CH channel, CL unit
.unit:
        movzx   bx, ch
        shl     bx, 2
        mov     di, [cs:ata_channels + bx]
        mov     bx, [cs:ata_channels + bx + 2]
        call    .probe
        inc     cl
        cmp     cl, 2
        jb      .unit
        mov     cl, 0
        inc     ch
        cmp     ch, 2
        jb      .unit
        ret
.function:                              ; AX of rq_done: which function; classes 010180h and 01018Ah are alike
        call    pci_find_class
        jnc     .is
        mov     eax, 0x01018A
        xor     si, si
        call    pci_find_class
        jnc     .is
        xor     bx, bx
.is:
        mov     [rq_done], bx
        ret

.probe:
        mov     dx, di                  ; does anything hold what is written?
        add     dx, 6
        mov     al, cl
        shl     al, 4
        or      al, 0xA0
        out     dx, al
        mov     dx, di
        add     dx, 2
        mov     al, 0x55
        out     dx, al
        inc     dx
        mov     al, 0xAA
        out     dx, al
        dec     dx
        in      al, dx
        cmp     al, 0x55
        jne     .absent
        inc     dx
        in      al, dx
        cmp     al, 0xAA
        jne     .absent
        call    drive_new
        jc      .absent
        mov     [si + drive.io], di
        mov     [si + drive.control], bx
        mov     [si + drive.channel], ch
        mov     [si + drive.unit], cl
        mov     ax, [rq_done]
        mov     [si + drive.bdf], ax
        pushad
        mov     ax, TICKS_PROBE
        call    timer_set
        call    ata_no_interrupts
        mov     al, 0xEC
        call    ata_identify
        jnc     .disk
        mov     al, 0xA1
        call    ata_identify
        jc      .nothing
        mov     byte [si + drive.type], T_ATAPI
        call    drive_name
        mov     ax, [sector_buffer]
        and     ah, 0x1F
        cmp     ah, 5                   ; CD-ROM
        jne     .nothing
        call    cd_add
        jmp     .nothing
.disk:
        mov     byte [si + drive.type], T_ATA
        call    take_identity
        jc      .nothing
        call    disk_add
.nothing:
        call    ata_interrupts
        popad
.absent:
        ret

; Geometry and size from the identity in sector_buffer. CF: no size.
take_identity:
        call    drive_name
        mov     ax, [sector_buffer + 1 * 2]
        mov     [si + drive.cylinders], ax
        mov     ax, [sector_buffer + 3 * 2]
        mov     [si + drive.heads], ax
        mov     ax, [sector_buffer + 6 * 2]
        mov     [si + drive.spt], ax
        test    byte [sector_buffer + 49 * 2 + 1], 0x02
        jz      .chs
        or      byte [si + drive.flags], F_LBA
        mov     eax, [sector_buffer + 60 * 2]
        mov     [si + drive.sectors], eax
        test    byte [sector_buffer + 83 * 2 + 1], 0x04
        jz      .sized
        mov     eax, [sector_buffer + 100 * 2]
        mov     edx, [sector_buffer + 102 * 2]
        mov     ecx, eax
        or      ecx, edx
        jz      .sized
        or      byte [si + drive.flags], F_LBA48
        mov     [si + drive.sectors], eax
        mov     [si + drive.sectors + 4], edx
        jmp     .sized
.chs:
        mov     ax, [si + drive.cylinders]
        mul     word [si + drive.heads]
        shl     edx, 16
        mov     dx, ax
        movzx   eax, word [si + drive.spt]
        mul     edx
        mov     [si + drive.sectors], eax
.sized:
        mov     eax, [si + drive.sectors]
        or      eax, [si + drive.sectors + 4]
        jz      .none
        cmp     word [si + drive.heads], 0
        je      .no_geometry
        cmp     word [si + drive.spt], 0
        jne     .good
.no_geometry:
        mov     word [si + drive.cylinders], 0
.good:
        clc
        ret
.none:
        stc
        ret

; The model, words 27 to 46 with their bytes swapped, without the blanks at its end.
drive_name:
        push    es
        push    ds
        pop     es
        push    si
        lea     di, [si + drive.name]
        mov     si, sector_buffer + 27 * 2
        mov     cx, 20
.word:
        lodsw
        xchg    al, ah
        stosw
        loop    .word
        mov     cx, 40
.trim:
        dec     di
        cmp     byte [di], ' '
        ja      .end
        mov     byte [di], 0
        loop    .trim
.end:
        pop     si
        pop     es
        ret

; Command AL (identify) to drive SI: 512 bytes in sector_buffer, or CF.
ata_identify:
        push    ax
        call    ata_select
        pop     ax
        jc      .out
        mov     dx, [si + drive.io]
        add     dx, 7
        out     dx, al
        in      al, dx
        or      al, al
        jz      .none
        call    ata_wait_data
        jc      .out
        mov     dx, [si + drive.io]
        mov     cx, 256
        mov     di, sector_buffer
        push    es
        push    ds
        pop     es
        rep insw
        pop     es
        clc
.out:
        ret
.none:
        stc
        ret

ata_no_interrupts:
        mov     dx, [si + drive.control]
        mov     al, 0x0A
        out     dx, al
        ret
ata_interrupts:
        mov     dx, [si + drive.io]
        add     dx, 7
        in      al, dx
        mov     dx, [si + drive.control]
        mov     al, 0x08
        out     dx, al
        ret

; Waits until the channel is not busy: AL = status, or CF.
ata_wait:
        mov     dx, [si + drive.io]
        add     dx, 7
.poll:
        in      al, dx
        test    al, ATA_BSY
        jz      .ready
        call    timer_check
        jnc     .poll
        ret
.ready:
        clc
        ret

; Waits for data to move. CF: error, and what it was is in the error register.
ata_wait_data:
        mov     dx, [si + drive.control]
        in      al, dx                  ; 400 ns
        in      al, dx
.poll:
        call    ata_wait
        jc      .out
        test    al, ATA_ERR | ATA_DF
        jnz     .bad
        test    al, ATA_DRQ
        jnz     .out
        call    timer_check
        jnc     .poll
        ret
.bad:
        stc
.out:
        ret

; Selects the drive's unit, with the LBA bit. CF: busy for good.
ata_select:
        call    ata_wait
        jc      .out
        mov     al, [si + drive.unit]
        shl     al, 4
        or      al, 0xA0
        mov     dx, [si + drive.io]
        add     dx, 6
        out     dx, al
        mov     dx, [si + drive.control]
        in      al, dx
        in      al, dx
        call    ata_wait
.out:
        ret

ata_reset:
        mov     ax, TICKS_DRIVE
        call    timer_set
        mov     dx, [si + drive.control]
        mov     al, 0x0E
        out     dx, al
        mov     dx, [si + drive.io]
        add     dx, 7
        in      al, dx
        in      al, dx
        mov     dx, [si + drive.control]
        mov     al, 0x08
        out     dx, al
        call    ata_wait
        ret

; The last error as INT 13h has it: AH.
ata_error:
        mov     dx, [si + drive.io]
        add     dx, 7
        in      al, dx
        mov     ah, E_TIMEOUT
        test    al, ATA_BSY
        jnz     .out
        sub     dx, 6
        in      al, dx
        mov     [fs:B_HD_ERROR], al
        mov     ah, E_NOT_FOUND
        test    al, 0x10
        jnz     .out
        mov     ah, E_UNREADABLE
        test    al, 0x40
        jnz     .out
        mov     ah, E_CONTROLLER
.out:
        ret

; rq_count sectors; see block_transfer. In one command 256 at most.
ata_transfer:
        call    ata_no_interrupts
.chunk:
        mov     ax, TICKS_DRIVE
        call    timer_set
        mov     eax, [rq_count]
        sub     eax, [rq_done]
        jz      .good
        cmp     eax, 256
        jbe     .size
        mov     eax, 256
.size:
        mov     cx, ax
        call    ata_select
        mov     ah, E_TIMEOUT
        jc      .end
        call    ata_address
        mov     dx, [si + drive.io]
        add     dx, 7
        out     dx, al
.sector:
        call    ata_wait_data
        jc      .failed
        push    cx
        mov     eax, [rq_buffer]        ; segment and offset, so that 512 bytes never wrap
        mov     di, ax
        and     di, 0x0F
        shr     eax, 4
        mov     es, ax
        mov     dx, [si + drive.io]
        mov     cx, 256
        cmp     byte [rq_op], OP_WRITE
        je      .write
        rep insw
        jmp     .moved
.write:
        push    si
        mov     si, di
        es rep outsw
        pop     si
.moved:
        pop     cx
        add     dword [rq_buffer], 512
        inc     dword [rq_done]
        loop    .sector
        cmp     byte [rq_op], OP_WRITE
        jne     .chunk
        call    ata_wait                ; a write ends when the drive says so
        jc      .failed
        test    al, ATA_ERR | ATA_DF
        jz      .chunk
.failed:
        call    ata_error
        jmp     .end
.good:
        mov     ah, E_OK
.end:
        push    ax
        call    ata_interrupts
        pop     ax
        ret

; The task file for CX sectors from rq_lba + rq_done: AL = the command.
ata_address:
        mov     ebx, [rq_lba]
        mov     edi, [rq_lba + 4]
        add     ebx, [rq_done]
        adc     edi, 0
        test    byte [si + drive.flags], F_LBA
        jz      .chs
        mov     eax, ebx
        movzx   edx, cx
        add     eax, edx
        jc      .lba48
        or      edi, edi
        jnz     .lba48
        cmp     eax, 0x10000000
        ja      .lba48
        mov     dx, [si + drive.io]
        add     dx, 2
        mov     al, cl
        out     dx, al
        inc     dx
        mov     eax, ebx
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        inc     dx
        shr     eax, 8
        and     al, 0x0F
        mov     ah, [si + drive.unit]
        shl     ah, 4
        or      al, ah
        or      al, 0xE0
        out     dx, al
.command:
        mov     al, 0x20
        cmp     byte [rq_op], OP_WRITE
        jne     .out
        mov     al, 0x30
.out:
        ret
.lba48:
        mov     dx, [si + drive.io]
        add     dx, 2
        mov     al, ch                  ; the high halves first
        out     dx, al
        inc     dx
        mov     eax, ebx
        shr     eax, 24
        out     dx, al
        inc     dx
        mov     eax, edi
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        sub     dx, 3
        mov     al, cl
        out     dx, al
        inc     dx
        mov     eax, ebx
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        inc     dx
        mov     al, [si + drive.unit]
        shl     al, 4
        or      al, 0xE0
        out     dx, al
        mov     al, 0x24
        cmp     byte [rq_op], OP_WRITE
        jne     .out
        mov     al, 0x34
        ret
.chs:
        mov     eax, ebx
        xor     edx, edx
        movzx   ebx, word [si + drive.spt]
        div     ebx
        push    dx                      ; sector, from 0
        xor     edx, edx
        movzx   ebx, word [si + drive.heads]
        div     ebx
        mov     bx, dx                  ; head
        mov     di, ax                  ; cylinder
        mov     dx, [si + drive.io]
        add     dx, 2
        mov     al, cl
        out     dx, al
        inc     dx
        pop     ax
        inc     ax
        out     dx, al
        inc     dx
        mov     ax, di
        out     dx, al
        inc     dx
        mov     al, ah
        out     dx, al
        inc     dx
        mov     al, [si + drive.unit]
        shl     al, 4
        or      al, bl
        or      al, 0xA0
        out     dx, al
        jmp     .command

; Sends the 12 bytes of `packet` to ATAPI drive SI and reads up to ECX bytes to linear address rq_buffer, which moves on.
; CF and the status register's error otherwise.
atapi_packet:
        mov     ax, TICKS_DRIVE
        call    timer_set
        call    ata_select
        jc      .out
        mov     dx, [si + drive.io]
        inc     dx
        xor     al, al                  ; features: PIO
        out     dx, al
        add     dx, 3
        mov     ax, 0x0800              ; bytes at a time: one block
        out     dx, al
        inc     dx
        mov     al, ah
        out     dx, al
        add     dx, 2
        mov     al, 0xA0
        out     dx, al
        call    ata_wait_data
        jc      .out
        mov     dx, [si + drive.io]
        push    si
        mov     si, packet
        push    cx
        mov     cx, 6
        rep outsw
        pop     cx
        pop     si
        mov     dx, [si + drive.control]
        in      al, dx
        in      al, dx
.piece:
        call    ata_wait
        jc      .out
        test    al, ATA_ERR | ATA_DF
        jnz     .bad
        test    al, ATA_DRQ
        jz      .out                    ; CF is clear
        push    ecx
        mov     dx, [si + drive.io]
        add     dx, 4
        in      al, dx
        mov     ah, al
        inc     dx
        in      al, dx
        xchg    al, ah
        movzx   eax, ax                 ; the drive offers so much
        cmp     eax, ecx
        jbe     .take
        mov     eax, ecx
.take:
        mov     bx, ax
        mov     cx, ax
        shr     cx, 1
        mov     eax, [rq_buffer]
        mov     di, ax
        and     di, 0x0F
        shr     eax, 4
        mov     es, ax
        mov     dx, [si + drive.io]
        rep insw
        pop     ecx
        movzx   ebx, bx
        add     [rq_buffer], ebx
        sub     ecx, ebx
        ; Whatever is left of the offer, nobody wants.
.rest:
        mov     dx, [si + drive.control]
        in      al, dx
        in      al, dx
        mov     dx, [si + drive.io]
        add     dx, 7
        in      al, dx
        test    al, ATA_BSY
        jnz     .piece
        test    al, ATA_DRQ
        jz      .piece
        or      ecx, ecx
        jnz     .piece
        mov     dx, [si + drive.io]
        in      ax, dx
        call    timer_check
        jnc     .rest
.bad:
        stc
.out:
        ret

; ATAPI: sense_key and sense_code of the last error.
atapi_sense:
        push    dword [rq_buffer]
        call    clear_packet
        mov     byte [packet], 0x03
        mov     byte [packet + 4], 18
        mov     dword [rq_buffer], DSEG * 16 + sector_buffer
        mov     ecx, 18
        call    atapi_packet
        pop     dword [rq_buffer]
        mov     byte [sense_key], 0x0F
        mov     byte [sense_code], 0
        jc      .out
        mov     al, [sector_buffer + 2]
        and     al, 0x0F
        mov     [sense_key], al
        mov     al, [sector_buffer + 12]
        mov     [sense_code], al
.out:
        ret

clear_packet:
        mov     dword [packet], 0
        mov     dword [packet + 4], 0
        mov     dword [packet + 8], 0
        mov     dword [packet + 12], 0
        ret

; Blocks of 2048 bytes; see block_transfer.
atapi_transfer:
        call    ata_no_interrupts
        mov     ah, E_PROTECTED
        cmp     byte [rq_op], OP_READ
        jne     .end
        mov     byte [rq_error], 8      ; tries
.next:
        mov     eax, [rq_count]
        sub     eax, [rq_done]
        jz      .good
        cmp     eax, 16
        jbe     .size
        mov     eax, 16
.size:
        call    read_packet
        mov     ebx, eax
        push    dword [rq_buffer]
        mov     ecx, eax
        shl     ecx, 11
        push    ebx
        call    atapi_packet
        pop     ebx
        jc      .failed
        or      ecx, ecx
        jnz     .short
        add     sp, 4
        add     [rq_done], ebx
        jmp     .next
.short:
.failed:
        pop     dword [rq_buffer]
        call    atapi_sense
        call    sense_status
        jnc     .end
        call    spin_up
        dec     byte [rq_error]
        jnz     .next
        jmp     .end
.good:
        mov     ah, E_OK
.end:
        push    ax
        call    ata_interrupts
        pop     ax
        ret

; READ(10) of EAX blocks at rq_lba + rq_done.
read_packet:
        push    eax
        call    clear_packet
        mov     byte [packet], 0x28
        xchg    al, ah
        mov     [packet + 7], ax
        mov     eax, [rq_lba]
        add     eax, [rq_done]
        bswap   eax
        mov     [packet + 2], eax
        pop     eax
        ret

; A drive that says that it is getting ready has time until the next tick.
spin_up:
        cmp     byte [sense_key], 2
        jne     .out
        sti
        hlt
.out:
        ret

; AH = INT 13h's word for the sense data; CF if trying again may help.
sense_status:
        mov     ah, E_NO_MEDIUM
        cmp     byte [sense_code], 0x3A
        je      .final
        mov     ah, E_NOT_FOUND
        cmp     byte [sense_code], 0x21
        je      .final
        mov     ah, E_UNREADABLE
        cmp     byte [sense_key], 3
        je      .final
        mov     ah, E_CHANGED
        cmp     byte [sense_key], 6
        je      .again
        mov     ah, E_NOT_READY
        cmp     byte [sense_key], 2
        je      .again
        mov     ah, E_CONTROLLER
        cmp     byte [sense_key], 0x0B
        je      .again
.final:
        clc
        ret
.again:
        stc
        ret

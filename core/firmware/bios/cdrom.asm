; CD-ROM drives in INT 13h (numbers E0h and on, blocks of 2048 bytes) and booting from them ("El Torito" Bootable CD-ROM Format
; Specification 1.0): no emulation, or a floppy or hard disk that is an image on the CD. The emulated drive takes number 00h or 80h
; and pushes the real ones up. Catalogues are read in their first block only.

CD_FIRST        equ 0xE0

cd_service:
        mov     bx, dx
        sub     bl, CD_FIRST
        cmp     bx, [cd_count]
        jae     .bad
        add     bx, bx
        mov     si, [cd_map + bx]
        mov     al, [bp + R_AH]
        mov     bx, .table
.search:
        cmp     [cs:bx], al
        je      .found
        add     bx, 3
        cmp     bx, .table_end
        jb      .search
.bad:
        mov     ah, E_PARAMETER
        jmp     hd_return
.found:
        jmp     [cs:bx + 1]
.table:
        db 0x00
        dw .reset
        db 0x01
        dw int13.last_status
        db 0x03
        dw .protected
        db 0x05
        dw .protected
        db 0x09
        dw .good
        db 0x0D
        dw .reset
        db 0x10
        dw .ready
        db 0x11
        dw .good
        db 0x14
        dw .good
        db 0x15
        dw .type
        db 0x41
        dw int13.edd_check
        db 0x42
        dw .read
        db 0x43
        dw .protected
        db 0x44
        dw .verify
        db 0x45
        dw .lock
        db 0x46
        dw .eject
        db 0x47
        dw .good
        db 0x48
        dw int13.edd_parameters
        db 0x49
        dw .changed
        db 0x4A
        dw .emulate
        db 0x4C
        dw .emulate_boot
        db 0x4D
        dw .catalogue
.table_end:

.good:
        mov     ah, E_OK
        jmp     hd_return
.protected:
        mov     ah, E_PROTECTED
        jmp     hd_return
.reset:
        call    block_reset
        jmp     .good
.type:
        mov     byte [bp + R_AH], 2             ; removable, tells of changes
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE
.ready:
        call    cd_size
        jmp     hd_return
.verify:
        mov     byte [rq_op], OP_VERIFY
        jmp     .transfer
.read:
        mov     byte [rq_op], OP_READ
.transfer:
        call    take_packet
        jc      .bad
        call    block_transfer
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     cx, [rq_done]
        mov     [es:di + 2], cx
        jmp     hd_return

; AL: 0 lock, 1 unlock, 2 status. Locks are counted.
.lock:
        mov     al, [bp + R_AL]
        cmp     al, 2
        ja      .bad
        je      .locked
        mov     ah, [si + drive.locks]
        or      al, al
        jnz     .unlock
        cmp     ah, 0xFF
        mov     ah, 0xB4                        ; locked too often
        je      hd_return
        inc     byte [si + drive.locks]
        jmp     .tell_lock
.unlock:
        or      ah, ah
        mov     ah, 0xB0                        ; not locked
        jz      hd_return
        dec     byte [si + drive.locks]
.tell_lock:
        call    clear_packet
        mov     byte [packet], 0x1E
        cmp     byte [si + drive.locks], 0
        setne   [packet + 4]
        call    cd_command
.locked:
        cmp     byte [si + drive.locks], 0
        setne   [bp + R_AL]
        jmp     .good
.eject:
        cmp     byte [si + drive.locks], 0
        mov     ah, 0xB1
        jne     hd_return
        call    clear_packet
        mov     word [packet], 0x001B
        mov     byte [packet + 4], 0x02
        call    cd_command
        mov     ah, E_OK
        jnc     hd_return
        mov     ah, 0xB5
        jmp     hd_return

.changed:
        call    clear_packet                    ; TEST UNIT READY: a unit attention says so
        call    cd_command
        jnc     .good
        call    sense_status
        cmp     ah, E_CHANGED
        je      hd_return
        jmp     .good

; 4Ah and 4Ch: the caller's specification packet says what to pretend.
.emulate:
        call    .take_specification
        mov     byte [emu_active], 1
        jmp     .good
.emulate_boot:
        call    .take_specification
        call    cd_start
        jmp     hd_return
.take_specification:
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     al, [es:di + 1]
        mov     [emu_media], al
        mov     eax, [es:di + 4]
        mov     [emu_lba], eax
        mov     ax, [es:di + 12]
        mov     [emu_segment], ax
        mov     ax, [es:di + 14]
        mov     [emu_load], ax
        mov     al, [bp + R_DL]
        sub     al, CD_FIRST
        mov     [emu_cd], al
        jmp     cd_geometry

; 4Dh: blocks of the boot catalogue to the caller's buffer.
.catalogue:
        call    read_boot_record
        jc      hd_return
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     eax, [cd_buffer + 0x47]
        movzx   ecx, word [es:di + 6]
        add     eax, ecx
        mov     [rq_lba], eax
        mov     dword [rq_lba + 4], 0
        movzx   ecx, byte [es:di + 1]
        mov     [rq_count], ecx
        mov     bx, [es:di + 2]
        mov     ax, [es:di + 4]
        call    set_buffer
        mov     byte [rq_op], OP_READ
        call    block_transfer
        jmp     hd_return

; A packet without data to CD drive SI: CF, and sense_key and sense_code, if it fails.
cd_command:
        cmp     byte [si + drive.type], T_ATAPI
        jne     ahci_command
        call    ata_no_interrupts
        xor     ecx, ecx
        call    atapi_packet
        jnc     .out
        call    atapi_sense
        stc
.out:
        pushf
        call    ata_interrupts
        popf
        ret

; AH = status, by asking for the medium's size; drive.sectors from the answer.
cd_size:
        mov     cx, 8
.try:
        push    cx
        call    clear_packet
        call    cd_command
        pop     cx
        mov     ah, E_OK
        jnc     .out
        call    sense_status
        jnc     .out
        call    spin_up
        loop    .try
.out:
        ret

; Block EAX of drive SI to cd_buffer: CF and AH if it cannot be read.
cd_read_block:
        cmp     eax, [cd_cached]
        je      .have
        mov     dword [cd_cached], 0xFFFFFFFF
        mov     [rq_lba], eax
        mov     dword [rq_lba + 4], 0
        mov     dword [rq_count], 1
        mov     dword [rq_buffer], DSEG * 16 + cd_buffer
        mov     byte [rq_op], OP_READ
        push    eax
        call    block_transfer
        or      ah, ah
        jnz     .failed
        pop     eax
        mov     [cd_cached], eax
.have:
        clc
        ret
.failed:
        mov     cl, ah
        pop     eax
        mov     ah, cl
        stc
        ret

; The boot record volume descriptor to cd_buffer; CF and AH if there is none.
read_boot_record:
        mov     dword [cd_cached], 0xFFFFFFFF
        mov     eax, 17
        call    cd_read_block
        jc      .out
        mov     ah, 0
        cmp     dword [cd_buffer], 0x30444300   ; 0, "CD0"
        jne     .none
        cmp     dword [cd_buffer + 7], "EL T"
        jne     .none
        cmp     dword [cd_buffer + 11], "ORIT"
        jne     .none
        clc
        ret
.none:
        mov     ah, E_PARAMETER
        stc
.out:
        ret

; Boots from CD number BX. Returns CF if it cannot be read, or without CF if there is nothing bootable on it.
cd_boot:
        mov     ax, BDA
        mov     fs, ax
        mov     [emu_cd], bl
        add     bx, bx
        mov     si, [cd_map + bx]
        call    cd_size
        or      ah, ah
        jnz     .unreadable
        call    read_boot_record
        jc      .no_record
        mov     eax, [cd_buffer + 0x47]
        call    cd_read_block
        jc      .unreadable
        ; Validation entry: 01h, platform, sum of 16 words is 0, 55AAh.
        cmp     byte [cd_buffer], 1
        jne     .not_bootable
        cmp     word [cd_buffer + 30], 0xAA55
        jne     .not_bootable
        mov     di, cd_buffer
        mov     cx, 16
        xor     ax, ax
.sum:
        add     ax, [di]
        add     di, 2
        loop    .sum
        or      ax, ax
        jnz     .not_bootable
        mov     di, cd_buffer + 32
        cmp     byte [cd_buffer + 1], 0         ; a PC
        jne     .sections
        cmp     byte [di], 0x88
        je      .entry
.sections:
        mov     di, cd_buffer + 64
.section:
        mov     al, [di]
        and     al, 0xFE
        cmp     al, 0x90
        jne     .not_bootable
        mov     cx, [di + 2]
        cmp     byte [di + 1], 0
        jne     .skip
        jcxz    .skip
        cmp     byte [di + 32], 0x88
        je      .first
.skip:
        cmp     byte [di], 0x91
        je      .not_bootable
        inc     cx
        cmp     cx, 64
        ja      .not_bootable
        shl     cx, 5
        add     di, cx
        cmp     di, cd_buffer + 2048 - 64
        jbe     .section
.not_bootable:
        clc
        ret
.no_record:
        cmp     ah, E_PARAMETER
        je      .not_bootable
.unreadable:
        stc
        ret
.first:
        add     di, 32
.entry:
        mov     al, [di + 1]
        and     al, 0x0F
        cmp     al, 4
        ja      .not_bootable
        mov     [emu_media], al
        mov     ax, [di + 2]
        mov     [emu_segment], ax
        mov     ax, [di + 6]
        mov     [emu_load], ax
        mov     eax, [di + 8]
        mov     [emu_lba], eax
        call    cd_geometry
        jc      .unreadable
        call    cd_start
        or      ah, ah
        jz      .not_bootable
        jmp     .unreadable

; The emulated drive's number and geometry from emu_media. CF if the image's first block cannot be read.
cd_geometry:
        cmp     word [emu_segment], 0
        jne     .segment
        mov     word [emu_segment], 0x7C0
.segment:
        mov     al, [emu_cd]
        add     al, CD_FIRST
        movzx   bx, byte [emu_media]
        or      bx, bx
        jz      .number
        mov     word [emu_cylinders], 80
        mov     word [emu_heads], 2
        mov     al, 0x00
        cmp     bl, 4
        jae     .disk
        movzx   cx, byte [cs:.sectors + bx]
        mov     [emu_spt], cx
        jmp     .number
.disk:
        mov     eax, [emu_lba]                  ; the partition table says where its first partition ends
        call    cd_read_block
        jc      .out
        movzx   ax, byte [cd_buffer + 0x1BE + 5]
        inc     ax
        mov     [emu_heads], ax
        mov     al, [cd_buffer + 0x1BE + 6]
        mov     ah, al
        and     ax, 0xC03F
        jz      .odd
        movzx   cx, al
        and     cx, 0x3F
        mov     [emu_spt], cx
        mov     al, [cd_buffer + 0x1BE + 7]
        shr     ah, 6
        inc     ax
        mov     [emu_cylinders], ax
        mov     al, 0x80
        cmp     word [emu_spt], 0
        jne     .number
.odd:
        mov     word [emu_spt], 63
        mov     word [emu_heads], 16
        mov     word [emu_cylinders], 1024
        mov     al, 0x80
.number:
        mov     [emu_drive], al
        clc
.out:
        ret
.sectors:
        db 0, 15, 18, 36

; Loads the image's first sectors and starts them. Returns if that fails: AH = status.
cd_start:
        movzx   ebx, byte [emu_cd]
        add     bx, bx
        mov     si, [cd_map + bx]
        movzx   eax, word [emu_segment]
        shl     eax, 4
        movzx   ecx, word [emu_load]            ; sectors of 512 bytes
        or      cx, cx
        jnz     .some
        inc     cx
.some:
        mov     edx, EBDA_SEG * 16              ; as much as there is room for
        sub     edx, eax
        jbe     .no_room
        shr     edx, 9
        cmp     ecx, edx
        jbe     .fits
        mov     ecx, edx
.fits:
        mov     [rq_buffer], eax
        mov     eax, [emu_lba]
        mov     [rq_lba], eax
        mov     dword [rq_lba + 4], 0
        push    ecx
        shr     ecx, 2
        mov     [rq_count], ecx
        mov     byte [rq_op], OP_READ
        call    block_transfer
        pop     ecx
        or      ah, ah
        jnz     .out
        and     ecx, 3                          ; the rest of a block
        jz      .start
        mov     eax, [rq_buffer]
        push    eax
        push    cx
        mov     eax, [emu_lba]
        add     eax, [rq_done]
        call    cd_read_block
        pop     cx
        pop     edx
        jc      .out
        mov     di, dx
        and     di, 0x0F
        shr     edx, 4
        mov     es, dx
        mov     si, cd_buffer
        shl     cx, 8
        rep movsw
.start:
        mov     byte [emu_active], 1
        cmp     byte [emu_media], 0
        je      .go
        mov     ax, BDA
        mov     es, ax
        cmp     byte [emu_media], 4
        jae     .one_more_disk
        test    byte [es:B_EQUIPMENT], 1
        jz      .first_floppy
        add     byte [es:B_EQUIPMENT], 0x40
        jmp     .go
.first_floppy:
        or      byte [es:B_EQUIPMENT], 1
        jmp     .go
.one_more_disk:
        inc     byte [es:B_HD_COUNT]
.go:
        mov     dl, [emu_drive]
        mov     ax, [emu_segment]
        jmp     start_segment
.no_room:
        mov     ah, E_PARAMETER
.out:
        ret

; 4Bh: AL = 0 ends the emulation, 1 tells of it. The packet at the caller's DS:SI.
emulation_control:
        mov     al, [bp + R_DL]
        cmp     al, 0x7F
        je      .ours
        cmp     al, [emu_drive]
        jne     cd_service.bad
.ours:
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     byte [es:di], 0x13
        mov     al, [emu_media]
        mov     [es:di + 1], al
        mov     al, [emu_drive]
        mov     [es:di + 2], al
        movzx   bx, byte [emu_cd]
        add     bx, bx
        mov     si, [cd_map + bx]
        mov     al, [si + drive.channel]
        mov     ah, 0
        mov     [es:di + 3], al
        mov     al, [si + drive.unit]
        mov     [es:di + 8], ax
        mov     eax, [emu_lba]
        mov     [es:di + 4], eax
        mov     word [es:di + 10], 0
        mov     ax, [emu_segment]
        mov     [es:di + 12], ax
        mov     ax, [emu_load]
        mov     [es:di + 14], ax
        xor     eax, eax
        cmp     byte [emu_media], 0
        je      .no_geometry
        call    emulated_geometry
        mov     [es:di + 16], ch
        mov     [es:di + 17], cl
        mov     [es:di + 18], dh
        jmp     .told
.no_geometry:
        mov     [es:di + 16], eax
.told:
        cmp     byte [bp + R_AL], 0
        jne     cd_service.good
        cmp     byte [emu_media], 0             ; without emulation there is nothing to end
        je      cd_service.good
        mov     byte [emu_active], 0
        cmp     byte [emu_media], 4
        jae     .disk
        mov     al, [fs:B_EQUIPMENT]
        sub     al, 0x40
        jnc     .floppies
        and     al, 0x3E
.floppies:
        mov     [fs:B_EQUIPMENT], al
        jmp     cd_service.good
.disk:
        dec     byte [fs:B_HD_COUNT]
        jmp     cd_service.good

; CX and DH as function 08h has them.
emulated_geometry:
        mov     cx, [emu_cylinders]
        dec     cx
        xchg    cl, ch
        shl     cl, 6
        or      cl, [emu_spt]
        mov     dh, [emu_heads]
        dec     dh
        ret

; INT 13h for the emulated drive.
emulated_disk:
        movzx   bx, byte [emu_cd]
        add     bx, bx
        mov     si, [cd_map + bx]
        mov     al, [bp + R_AH]
        cmp     al, 0x02
        je      .read
        cmp     al, 0x04
        je      .read
        cmp     al, 0x01
        je      int13.last_status
        cmp     al, 0x03
        je      cd_service.protected
        cmp     al, 0x05
        je      cd_service.protected
        cmp     al, 0x08
        je      .parameters
        cmp     al, 0x15
        je      .type
        cmp     al, 0x18
        jbe     cd_service.good                 ; reset, seek, ready and the like
        jmp     cd_service.bad

.parameters:
        call    emulated_geometry
        mov     [bp + R_CX], cx
        mov     [bp + R_DH], dh
        mov     byte [bp + R_AL], 0
        movzx   bx, byte [emu_media]
        mov     al, [fs:B_HD_COUNT]
        cmp     bl, 4
        jae     .count
        mov     al, [cs:.types + bx]
        mov     [bp + R_BL], al
        mov     byte [bp + R_BH], 0
        mov     word [bp + R_ES], ROM_SEG
        mov     word [bp + R_DI], diskette_table
        mov     al, [fs:B_EQUIPMENT]
        shr     al, 6
        inc     al
.count:
        mov     [bp + R_DL], al
        jmp     cd_service.good
.types:
        db 0, 2, 4, 5

.type:
        cmp     byte [emu_media], 4
        jae     .disk_type
        mov     byte [bp + R_AH], 1
        jmp     .typed
.disk_type:
        mov     byte [bp + R_AH], 3
        mov     ax, [emu_cylinders]
        mul     word [emu_heads]
        shl     edx, 16
        mov     dx, ax
        movzx   eax, word [emu_spt]
        mul     edx
        mov     [bp + R_DX], ax
        shr     eax, 16
        mov     [bp + R_CX], ax
.typed:
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE

.read:
        mov     cx, [bp + R_CX]
        mov     al, cl
        shr     cl, 6
        xchg    cl, ch
        and     ax, 0x3F
        jz      cd_service.bad
        cmp     ax, [emu_spt]
        ja      cd_service.bad
        mov     bx, ax
        cmp     cx, [emu_cylinders]
        jae     cd_service.bad
        movzx   edi, byte [bp + R_DH]
        cmp     di, [emu_heads]
        jae     cd_service.bad
        mov     ax, cx
        mul     word [emu_heads]
        shl     edx, 16
        mov     dx, ax
        add     edx, edi
        movzx   eax, word [emu_spt]
        mul     edx
        movzx   ebx, bx
        lea     eax, [eax + ebx - 1]
        movzx   cx, byte [bp + R_AL]
        mov     byte [bp + R_AL], 0
        mov     di, [bp + R_BX]
        jcxz    .done
.sector:
        push    cx
        push    eax
        push    di
        shr     eax, 2
        add     eax, [emu_lba]
        call    cd_read_block
        pop     di
        jc      .failed
        pop     eax
        mov     es, [bp + R_ES]
        cmp     byte [bp + R_AH], 0x04
        je      .verified
        push    si
        mov     si, ax
        and     si, 3
        shl     si, 9
        add     si, cd_buffer
        mov     cx, 256
        rep movsw
        pop     si
.verified:
        inc     eax
        inc     byte [bp + R_AL]
        pop     cx
        loop    .sector
.done:
        jmp     cd_service.good
.failed:
        add     sp, 6
        jmp     hd_return

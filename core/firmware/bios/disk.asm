; INT 13h: floppies go to floppy.asm, CDs to cdrom.asm, hard disks of all controllers are here: the functions of the AT and the
; extensions of EDD 3.0 (T13 1572D). Inside, DS = DSEG, SI = the drive, AH = status (0: good), [bp] the caller's registers.

OP_READ         equ 0
OP_WRITE        equ 1
OP_VERIFY       equ 2

E_OK            equ 0x00
E_PARAMETER     equ 0x01
E_NO_ADDRESS    equ 0x02
E_PROTECTED     equ 0x03
E_NOT_FOUND     equ 0x04
E_CHANGED       equ 0x06
E_BOUNDARY      equ 0x09
E_UNREADABLE    equ 0x10
E_CONTROLLER    equ 0x20
E_NO_MEDIUM     equ 0x31
E_TIMEOUT       equ 0x80
E_NOT_READY     equ 0xAA

int13:
        ENTER_SERVICE
        mov     ax, DSEG
        mov     ds, ax
        mov     ax, BDA
        mov     fs, ax
%ifdef TRACE
        call    trace
%endif
        movzx   dx, byte [bp + R_DL]
        cmp     byte [emu_active], 0
        je      .no_emulation
        cmp     byte [bp + R_AH], 0x4B  ; emulation status and end, whatever the drive
        je      emulation_control
        mov     al, [emu_media]
        or      al, al
        jz      .no_emulation
        cmp     dl, [emu_drive]
        je      emulated_disk
        mov     al, dl
        xor     al, [emu_drive]
        test    al, 0x80
        jnz     .no_emulation
        cmp     dl, 0xE0
        jae     .no_emulation
        dec     dx                      ; the emulated drive pushed the others up by one
.no_emulation:
        cmp     dl, 0x80
        jb      floppy_service
        cmp     dl, 0xE0
        jae     cd_service

        mov     bx, dx
        sub     bx, 0x80
        cmp     bx, [hd_count]
        jae     .no_drive
        add     bx, bx
        mov     si, [hd_map + bx]
        movzx   bx, byte [bp + R_AH]
        cmp     bl, 0x18
        ja      .extended
        add     bx, bx
        jmp     [cs:.functions + bx]
.extended:
        sub     bl, 0x41
        cmp     bl, 0x4E - 0x41
        ja      .bad
        add     bx, bx
        jmp     [cs:.extensions + bx]
.functions:
        dw .reset, .last_status, .read, .write, .verify, .bad, .bad, .bad
        dw .parameters, .good, .bad, .bad, .seek, .reset, .bad, .bad
        dw .ready, .good, .bad, .bad, .good, .type, .bad, .bad, .bad
.extensions:
        dw .edd_check, .edd_read, .edd_write, .edd_verify, .edd_lock, .edd_eject, .edd_seek, .edd_parameters
        dw .edd_changed, .bad, .bad, .bad, .bad, .edd_hardware

.no_drive:
        cmp     byte [bp + R_AH], 0x15
        je      .no_type
        cmp     byte [bp + R_AH], 0x08
        jne     .bad
        mov     al, [hd_count]
        mov     [bp + R_DL], al
.bad:
        mov     ah, E_PARAMETER
        jmp     hd_return
.no_type:
        mov     byte [bp + R_AH], 0
        or      byte [bp + R_FLAGS], CF
        LEAVE_SERVICE
.good:
        mov     ah, E_OK
        jmp     hd_return

.last_status:
        mov     ah, [fs:B_HD_STATUS]
        mov     byte [fs:B_HD_STATUS], 0
        mov     [bp + R_AH], ah
        jmp     hd_return.flag

.reset:
        call    block_reset
        mov     ah, E_OK
        jmp     hd_return
.ready:
        mov     ah, E_OK
        jmp     hd_return

.read:
        mov     byte [rq_op], OP_READ
        jmp     .chs
.write:
        mov     byte [rq_op], OP_WRITE
        jmp     .chs
.verify:
        mov     byte [rq_op], OP_VERIFY
.chs:
        movzx   ax, byte [bp + R_AL]
        or      ax, ax
        jz      .bad
        cmp     al, 128
        ja      .bad
        mov     [rq_count], ax
        mov     word [rq_count + 2], 0
        call    chs_to_lba
        jc      .bad
        mov     ax, [bp + R_ES]
        mov     bx, [bp + R_BX]
        call    set_buffer
        call    block_transfer
        mov     al, [rq_done]
        mov     [bp + R_AL], al
        jmp     hd_return

.seek:
        call    chs_to_lba
        jc      .bad
        jmp     .good

.parameters:
        mov     ax, [si + drive.lcylinders]
        dec     ax
        mov     cl, ah
        shl     cl, 6
        mov     ch, al
        mov     al, [si + drive.lspt]
        or      cl, al
        mov     [bp + R_CX], cx
        mov     al, [si + drive.lheads]
        dec     al
        mov     [bp + R_DH], al
        mov     al, [hd_count]
        mov     [bp + R_DL], al
        mov     byte [bp + R_AL], 0
        jmp     .good

.type:
        mov     ax, [si + drive.lcylinders]
        mul     word [si + drive.lheads]
        shl     edx, 16
        mov     dx, ax
        movzx   eax, word [si + drive.lspt]
        mul     edx
        mov     [bp + R_DX], ax
        shr     eax, 16
        mov     [bp + R_CX], ax
        mov     byte [fs:B_HD_STATUS], 0
        mov     byte [bp + R_AH], 3
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE

.edd_check:
        cmp     word [bp + R_BX], 0x55AA
        jne     .bad
        mov     word [bp + R_BX], 0xAA55
        mov     word [bp + R_CX], 0x0007
        mov     byte [bp + R_AH], 0x30
        mov     byte [fs:B_HD_STATUS], 0
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE

.edd_read:
        mov     byte [rq_op], OP_READ
        jmp     .edd
.edd_write:
        mov     byte [rq_op], OP_WRITE
        jmp     .edd
.edd_verify:
        mov     byte [rq_op], OP_VERIFY
.edd:
        call    take_packet
        jc      .bad
        call    check_range
        jc      .bad
        call    block_transfer
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     cx, [rq_done]
        mov     [es:di + 2], cx
        jmp     hd_return
.edd_seek:
        call    take_packet
        jc      .bad
        call    check_range
        jc      .bad
        jmp     .good
.edd_lock:
.edd_eject:
        mov     ah, 0xB2                ; not removable
        jmp     hd_return
.edd_changed:
        jmp     .good
.edd_hardware:
        mov     byte [bp + R_AL], 0
        jmp     .good
.edd_parameters:
        call    edd_parameters
        jmp     hd_return

; AH = status: to the caller and to the BIOS data area.
hd_return:
        mov     [fs:B_HD_STATUS], ah
        mov     [bp + R_AH], ah
.flag:
        and     byte [bp + R_FLAGS], ~CF
        or      ah, ah
        jz      .out
        or      byte [bp + R_FLAGS], CF
.out:
        LEAVE_SERVICE

; The caller's cylinder, head and sector to rq_lba. CF: not on the disk.
chs_to_lba:
        mov     cx, [bp + R_CX]
        mov     al, cl
        shr     cl, 6
        xchg    cl, ch                  ; CX = cylinder
        and     al, 0x3F
        movzx   bx, al                  ; sector
        jz      .bad
        cmp     bx, [si + drive.lspt]
        ja      .bad
        movzx   dx, byte [bp + R_DH]
        cmp     dx, [si + drive.lheads]
        jae     .bad
        cmp     cx, [si + drive.lcylinders]
        ja      .bad
        push    dx
        mov     ax, cx
        mul     word [si + drive.lheads]
        shl     edx, 16
        mov     dx, ax
        pop     ax
        movzx   eax, ax
        add     eax, edx
        movzx   edx, word [si + drive.lspt]
        mul     edx
        movzx   ebx, bx
        lea     eax, [eax + ebx - 1]
        mov     [rq_lba], eax
        mov     dword [rq_lba + 4], 0
        ; falls through

; Are rq_count sectors from rq_lba on the disk? CF if not.
check_range:
        mov     eax, [rq_lba]
        mov     edx, [rq_lba + 4]
        add     eax, [rq_count]
        adc     edx, 0
        jc      chs_to_lba.bad
        cmp     edx, [si + drive.sectors + 4]
        ja      chs_to_lba.bad
        jb      chs_to_lba.good
        cmp     eax, [si + drive.sectors]
        ja      chs_to_lba.bad
chs_to_lba.good:
        clc
        ret
chs_to_lba.bad:
        stc
        ret

; AX:BX, segment and offset, to rq_buffer.
set_buffer:
        movzx   eax, ax
        shl     eax, 4
        movzx   ebx, bx
        add     eax, ebx
        mov     [rq_buffer], eax
        ret

; The disk address packet at the caller's DS:SI. CF: not usable.
take_packet:
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        cmp     byte [es:di], 0x10
        jb      .bad
        movzx   eax, word [es:di + 2]
        mov     [rq_count], eax
        mov     eax, [es:di + 8]
        mov     [rq_lba], eax
        mov     eax, [es:di + 12]
        mov     [rq_lba + 4], eax
        mov     bx, [es:di + 4]
        mov     ax, [es:di + 6]
        and     ax, bx
        inc     ax
        jz      .flat
        mov     ax, [es:di + 6]
        call    set_buffer
        clc
        ret
.flat:                                  ; FFFF:FFFF: a 64-bit address follows; only where real mode reaches
        cmp     byte [es:di], 0x18
        jb      .bad
        cmp     dword [es:di + 0x14], 0
        jne     .bad
        mov     eax, [es:di + 0x10]
        cmp     eax, 0xA0000
        jae     .bad
        mov     [rq_buffer], eax
        clc
        ret
.bad:
        stc
        ret

; Function 48h into the caller's buffer (DS:SI), as much as its size says: AH = status.
edd_parameters:
        mov     es, [bp + R_DS]
        mov     di, [bp + R_SI]
        mov     cx, [es:di]
        cmp     cx, 0x1A
        jb      .bad
        mov     word [es:di + 2], 0x0002        ; geometry is valid
        movzx   eax, word [si + drive.cylinders]
        mov     [es:di + 4], eax
        movzx   eax, word [si + drive.heads]
        mov     [es:di + 8], eax
        movzx   eax, word [si + drive.spt]
        mov     [es:di + 12], eax
        mov     eax, [si + drive.sectors]
        mov     [es:di + 16], eax
        mov     edx, [si + drive.sectors + 4]
        mov     [es:di + 20], edx
        or      edx, edx
        jnz     .no_chs
        cmp     eax, 16383 * 16 * 63
        jbe     .chs
.no_chs:
        mov     word [es:di + 2], 0
.chs:
        mov     ax, [si + drive.blocksize]
        mov     [es:di + 24], ax
        cmp     ax, 512
        je      .disk
        mov     word [es:di + 2], 0x0074        ; removable, changes are told, can be locked
        mov     dword [es:di + 4], 0xFFFFFFFF
        mov     dword [es:di + 8], 0xFFFFFFFF
        mov     dword [es:di + 12], 0xFFFFFFFF
.disk:
        cmp     cx, 0x1E
        jae     .size2
        mov     word [es:di], 0x1A
        jmp     .good
.size2:
        mov     dword [es:di + 26], 0xFFFFFFFF  ; no device parameter table extension
        cmp     byte [si + drive.type], T_ATAPI
        ja      .no_table
        call    device_table
        mov     word [es:di + 26], edd_dpte
        mov     word [es:di + 28], DSEG
.no_table:
        cmp     cx, 0x42
        jae     .size3
        mov     word [es:di], 0x1E
        jmp     .good
.size3:
        mov     word [es:di], 0x42
        mov     dword [es:di + 30], 0x0024BEDD  ; device path follows: 36 bytes
        mov     dword [es:di + 34], 0
        mov     dword [es:di + 36], "PCI "
        movzx   bx, byte [si + drive.type]
        shl     bx, 3
        mov     eax, [cs:.interfaces + bx]
        mov     [es:di + 40], eax
        mov     eax, [cs:.interfaces + bx + 4]
        mov     [es:di + 44], eax
        mov     bx, [si + drive.bdf]
        movzx   eax, bl
        shr     al, 3
        shl     eax, 8
        mov     al, bh
        and     bl, 7
        mov     [es:di + 48], ax
        mov     [es:di + 50], bl
        mov     al, [si + drive.channel]
        cmp     byte [si + drive.type], T_ATAPI
        jbe     .channel
        mov     al, 0xFF
.channel:
        mov     [es:di + 51], al
        mov     dword [es:di + 52], 0
        mov     dword [es:di + 56], 0
        mov     dword [es:di + 60], 0
        mov     al, [si + drive.unit]
        cmp     byte [si + drive.type], T_ATAPI
        jbe     .unit
        mov     al, [si + drive.channel]
.unit:
        mov     [es:di + 56], al
        mov     word [es:di + 64], 0
        push    di
        add     di, 30
        mov     cx, 35
        xor     al, al
.sum:
        sub     al, [es:di]
        inc     di
        loop    .sum
        mov     [es:di], al
        pop     di
.good:
        mov     ah, E_OK
        ret
.bad:
        mov     ah, E_PARAMETER
        ret
.interfaces:
        db "        ATA     ATAPI   SATA    SATA    SCSI    "

; The device parameter table extension (EDD 3.0, 8.22) of an IDE drive.
device_table:
        push    cx
        mov     ax, [si + drive.io]
        mov     [edd_dpte], ax
        mov     ax, [si + drive.control]
        mov     [edd_dpte + 2], ax
        mov     al, [si + drive.unit]
        shl     al, 4
        or      al, 0xE0
        mov     ah, 0xCB                ; made by us
        mov     [edd_dpte + 4], ax
        mov     al, [si + drive.channel]
        and     al, 1
        add     al, 14
        mov     [edd_dpte + 6], al
        mov     byte [edd_dpte + 7], 1  ; sectors per interrupt
        mov     word [edd_dpte + 8], 0
        mov     ax, 0x0010              ; LBA
        cmp     byte [si + drive.type], T_ATAPI
        jne     .disk
        or      al, 0x60                ; removable, ATAPI
.disk:
        mov     [edd_dpte + 10], ax
        mov     word [edd_dpte + 12], 0
        mov     byte [edd_dpte + 14], 0x11
        push    si
        mov     si, edd_dpte
        xor     al, al
        mov     cx, 15
.sum:
        sub     al, [si]
        inc     si
        loop    .sum
        mov     [edd_dpte + 15], al
        pop     si
        pop     cx
        ret

; rq_count blocks from rq_lba between drive SI and rq_buffer: AH = status, rq_done = blocks done. Keeps SI and BP.
block_transfer:
        mov     dword [rq_done], 0
        cmp     dword [rq_count], 0
        je      .nothing
        cmp     byte [rq_op], OP_VERIFY
        je      .nothing_moves
        push    si
        push    bp
        sti
        movzx   bx, byte [si + drive.type]
        add     bx, bx
        call    [cs:.drivers + bx]
        pop     bp
        pop     si
        ret
.nothing_moves:
        mov     eax, [rq_count]
        mov     [rq_done], eax
.nothing:
        mov     ah, E_OK
        ret
.drivers:
        dw 0, ata_transfer, atapi_transfer, ahci_transfer, ahci_cd_transfer, virtio_transfer

block_reset:
        cmp     byte [si + drive.type], T_ATAPI
        jbe     ata_reset
        ret

; What the drives present: translated geometry, and fixed disk parameter tables of the first two for INT 41h and 46h.
drives_init:
        mov     word [drive_count], 0
        call    ata_init
        call    ahci_init
        call    virtio_init
        mov     ax, BDA
        mov     fs, ax
        mov     al, [hd_count]
        mov     [fs:B_HD_COUNT], al
        xor     ax, ax
        mov     es, ax
        mov     dword [es:0x41 * 4], EBDA_SEG << 16 | E_FDPT0
        mov     dword [es:0x46 * 4], EBDA_SEG << 16 | E_FDPT1
        mov     ax, EBDA_SEG
        mov     es, ax
        mov     di, E_FDPT0
        mov     si, [hd_map]
        cmp     word [hd_count], 1
        jb      .out
        call    fixed_table
        mov     di, E_FDPT1
        mov     si, [hd_map + 2]
        cmp     word [hd_count], 2
        jb      .out
        call    fixed_table
.out:
        ret

fixed_table:
        mov     ax, [si + drive.lcylinders]
        mov     [es:di], ax
        mov     al, [si + drive.lheads]
        mov     [es:di + 2], al
        mov     byte [es:di + 3], 0xA0          ; translated
        mov     al, [si + drive.spt]
        mov     [es:di + 4], al
        mov     word [es:di + 5], 0xFFFF
        mov     byte [es:di + 8], 0x08
        mov     ax, [si + drive.cylinders]
        mov     [es:di + 9], ax
        mov     al, [si + drive.heads]
        mov     [es:di + 11], al
        mov     ax, [si + drive.lcylinders]
        mov     [es:di + 12], ax
        mov     al, [si + drive.lspt]
        mov     [es:di + 14], al
        push    di
        xor     al, al
        mov     cx, 15
.sum:
        sub     al, [es:di]
        inc     di
        loop    .sum
        mov     [es:di], al
        pop     di
        ret

; A new drive record: SI, all 0; CF if the table is full.
drive_new:
        push    ax
        push    cx
        push    di
        push    es
        mov     si, [drive_count]
        cmp     si, MAX_DRIVES
        jae     .full
        imul    si, si, drive.bytes
        add     si, drives
        mov     di, si
        push    ds
        pop     es
        xor     al, al
        mov     cx, drive.bytes
        rep stosb
        clc
        jmp     .out
.full:
        stc
.out:
        pop     es
        pop     di
        pop     cx
        pop     ax
        ret

; Record SI is a hard disk with sectors set (and cylinders, heads, spt if it has them): give it a geometry and a number.
disk_add:
        pushad
        mov     word [si + drive.blocksize], 512
        call    set_geometry
        mov     bx, [hd_count]
        inc     word [hd_count]
        add     bx, bx
        mov     [hd_map + bx], si
        inc     word [drive_count]
        popad
        ret

cd_add:
        pushad
        mov     word [si + drive.blocksize], 2048
        mov     bx, [cd_count]
        inc     word [cd_count]
        add     bx, bx
        mov     [cd_map + bx], si
        inc     word [drive_count]
        popad
        ret

; The drive's own geometry if INT 13h can say it; else 63 sectors and so many heads that 1024 cylinders do, 255 at most.
set_geometry:
        cmp     word [si + drive.cylinders], 0
        jne     .has_own
        mov     word [si + drive.heads], 16
        mov     word [si + drive.spt], 63
        mov     eax, [si + drive.sectors]
        xor     edx, edx
        mov     ebx, 16 * 63
        div     ebx
        cmp     eax, 16383
        jb      .few
        mov     ax, 16383
.few:
        or      ax, ax
        jnz     .some
        inc     ax
.some:
        mov     [si + drive.cylinders], ax
.has_own:
        mov     ax, [si + drive.cylinders]
        cmp     ax, 1024
        ja      .translate
        mov     [si + drive.lcylinders], ax
        mov     ax, [si + drive.heads]
        mov     [si + drive.lheads], ax
        mov     ax, [si + drive.spt]
        mov     [si + drive.lspt], ax
        ret
.translate:
        mov     word [si + drive.lspt], 63
        mov     cx, 16
.heads:
        movzx   ebx, cx
        imul    ebx, ebx, 63
        mov     eax, [si + drive.sectors]
        mov     edx, [si + drive.sectors + 4]
        cmp     edx, 60                 ; keeps the quotient in range
        jb      .divide
        mov     eax, 0xFFFFFFFF
        mov     edx, 60
.divide:
        div     ebx
        cmp     eax, 1024
        jbe     .fits
        cmp     cx, 128
        je      .most
        shl     cx, 1
        jmp     .heads
.most:
        cmp     cx, 255
        je      .cap
        mov     cx, 255
        jmp     .heads
.cap:
        mov     ax, 1024
.fits:
        mov     [si + drive.lheads], cx
        mov     [si + drive.lcylinders], ax
        ret

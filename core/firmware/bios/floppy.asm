; Floppy disks: INT 13h for drives 0 and 1 on an 82077AA controller by DMA channel 2 and IRQ 6 (82077AA datasheet; the BIOS data area's
; diskette fields are the AT's). The rate of a medium is found by trying; a change of medium is told once, as status 06h.

FD_DOR          equ 0x3F2
FD_STATUS       equ 0x3F4
FD_DATA         equ 0x3F5
FD_RATE         equ 0x3F7
TICKS_FLOPPY    equ 4 * 18
MOTOR_TICKS     equ 37

; B_FD_STATE: bit 4 the medium is known, bits 7:6 its rate, bit 5 double step.
FDS_KNOWN       equ 0x10

int0E:
        push    ax
        push    ds
        mov     ax, BDA
        mov     ds, ax
        or      byte [B_FD_RECAL], 0x80
        mov     al, 0x20
        out     0x20, al
        pop     ds
        pop     ax
        iret

; Drives by CMOS 10h.
floppy_init:
        push    ds
        mov     ax, BDA
        mov     ds, ax
        mov     al, 0x10
        call    cmos_read
        mov     ah, al
        shr     al, 4
        and     ah, 0x0F
        or      al, al
        jz      .none
        mov     bx, 0x0001
        or      ah, ah
        jz      .one
        mov     bl, 0x41
.one:
        or      [B_EQUIPMENT], bx
        mov     byte [B_FD_TYPE], 0x77
        mov     byte [B_FD_RECAL], 0
        call    fd_reset
.none:
        pop     ds
        ret

; The type of drive DL from CMOS: AL = 0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 and 6 2.88M.
fd_type:
        mov     al, 0x10
        call    cmos_read
        or      dl, dl
        jnz     .second
        shr     al, 4
.second:
        and     al, 0x0F
        cmp     al, 7
        jb      .out
        xor     al, al
.out:
        ret

; Inside, DS = BDA, DL = drive.
floppy_service:
        sti
        mov     ax, BDA
        mov     ds, ax
        movzx   bx, byte [bp + R_AH]
        cmp     dl, 1
        ja      .no_drive
        call    fd_type
        or      al, al
        jz      .no_drive
        cmp     bl, 0x18
        ja      .bad
        add     bx, bx
        jmp     [cs:.functions + bx]
.functions:
        dw .reset, .last_status, .read, .write, .verify, .format, .bad, .bad
        dw .parameters, .bad, .bad, .bad, .bad, .bad, .bad, .bad
        dw .bad, .bad, .bad, .bad, .bad, .type, .changed, .set_type, .set_media

.no_drive:
        cmp     bl, 0x15
        je      .no_type
        cmp     bl, 0x08
        je      .no_parameters
        mov     ah, E_OK
        cmp     bl, 0
        je      .return
        mov     ah, E_TIMEOUT
        jmp     .return
.no_type:
        mov     byte [bp + R_AH], 0
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE
.no_parameters:
        xor     ax, ax
        mov     [bp + R_AX], ax
        mov     [bp + R_BX], ax
        mov     [bp + R_CX], ax
        mov     [bp + R_DH], al
        call    .count
        mov     [bp + R_DL], al
        mov     ah, E_PARAMETER
        cmp     al, 0
        jne     .return
        mov     ah, 0
        jmp     .return
.bad:
        mov     ah, E_PARAMETER
.return:
        mov     [B_FD_STATUS], ah
        mov     [bp + R_AH], ah
.flag:
        and     byte [bp + R_FLAGS], ~CF
        or      ah, ah
        jz      .out
        or      byte [bp + R_FLAGS], CF
.out:
        LEAVE_SERVICE

.count:                                 ; AL = number of drives
        push    dx
        mov     dl, 0
        call    fd_type
        or      al, al
        jz      .counted
        mov     dl, 1
        call    fd_type
        or      al, al
        mov     al, 1
        jz      .counted
        inc     al
.counted:
        pop     dx
        ret

.reset:
        call    fd_reset
        jmp     .return
.last_status:
        mov     ah, [B_FD_STATUS]
        mov     byte [B_FD_STATUS], 0
        mov     [bp + R_AH], ah
        jmp     .flag

.read:
        mov     ah, 0xE6
        mov     bx, 0x46                ; DMA: single, increment, to memory, channel 2
        jmp     .transfer
.write:
        mov     ah, 0xC5
        mov     bx, 0x4A
        jmp     .transfer
.verify:
        mov     ah, 0xE6
        mov     bx, 0x42
.transfer:
        call    fd_transfer
        jmp     .return
.format:
        call    fd_format
        jmp     .return

.parameters:
        call    fd_type
        mov     [bp + R_BL], al
        mov     byte [bp + R_BH], 0
        movzx   bx, al
        shl     bx, 1
        mov     cx, [cs:fd_geometry + bx]
        mov     [bp + R_CX], cx
        mov     byte [bp + R_DH], 1
        call    .count
        mov     [bp + R_DL], al
        movzx   bx, byte [bp + R_BL]
        imul    bx, bx, 11
        add     bx, fd_tables
        mov     [bp + R_DI], bx
        mov     word [bp + R_ES], ROM_SEG
        mov     word [bp + R_AX], 0
        mov     byte [B_FD_STATUS], 0
        mov     ah, 0
        jmp     .flag

.type:
        call    fd_type
        mov     ah, 1
        cmp     al, 1
        je      .no_line                ; 360K drives have no change line
        inc     ah
.no_line:
        mov     [bp + R_AH], ah
        and     byte [bp + R_FLAGS], ~CF
        LEAVE_SERVICE

.changed:
        call    fd_motor
        call    fd_change_line
        mov     ah, 0
        jz      .return
        call    fd_clear_change
        mov     ah, E_CHANGED
        jnc     .return
        mov     ah, E_TIMEOUT
        jmp     .return

.set_type:                              ; before formatting: AL 1 360K, 2 360K in 1.2M, 3 1.2M, 4 720K
        movzx   bx, byte [bp + R_AL]
        dec     bx
        cmp     bl, 3
        ja      .bad
        mov     al, [cs:.type_states + bx]
        movzx   bx, dl
        mov     [B_FD_STATE + bx], al
        mov     ah, 0
        jmp     .return
.type_states:
        db 0x93, 0x74, 0x15, 0x97

.set_media:                             ; CH cylinders less one, CL sectors: ES:DI = its table
        call    fd_type
        mov     cl, [bp + R_CL]
        mov     ch, [bp + R_CH]
        mov     bx, 1
.media:
        mov     di, bx
        add     di, di
        cmp     cx, [cs:fd_geometry + di]
        je      .medium
        inc     bx
        cmp     bl, 5
        jbe     .media
        mov     ah, 0x0C
        jmp     .return
.medium:
        mov     al, [cs:fd_media_state + bx]
        imul    di, bx, 11
        add     di, fd_tables
        mov     [bp + R_DI], di
        mov     word [bp + R_ES], ROM_SEG
        movzx   bx, dl
        mov     [B_FD_STATE + bx], al
        mov     ah, 0
        jmp     .return

; Highest cylinder and sector by drive type, as CH and CL give them.
fd_geometry:
        db 0, 0, 9, 39, 15, 79, 9, 79, 18, 79, 36, 79, 36, 79
fd_media_state:
        db 0, 0x93, 0x15, 0x97, 0x17, 0xD7, 0xD7

; Rates to try by drive type: bits 7:6 of B_FD_STATE, bit 5 double step, FFh ends.
fd_rates:
        db 0xFF, 0xFF, 0xFF, 0xFF
        db 0x93, 0xFF, 0xFF, 0xFF
        db 0x15, 0x74, 0xFF, 0xFF
        db 0x97, 0xFF, 0xFF, 0xFF
        db 0x17, 0x97, 0xFF, 0xFF
        db 0xD7, 0x17, 0x97, 0xFF
        db 0xD7, 0x17, 0x97, 0xFF

; Parameter tables by drive type: specify bytes, motor off, sector size, sectors, gap, data length, format gap, fill, settle, start.
fd_tables:
        db 0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 15, 8
        db 0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 15, 8
        db 0xDF, 0x02, 0x25, 2, 15, 0x1B, 0xFF, 0x54, 0xF6, 15, 8
        db 0xDF, 0x02, 0x25, 2, 9, 0x2A, 0xFF, 0x50, 0xF6, 15, 8
        db 0xAF, 0x02, 0x25, 2, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8
        db 0xAF, 0x02, 0x25, 2, 36, 0x1B, 0xFF, 0x53, 0xF6, 15, 8
        db 0xAF, 0x02, 0x25, 2, 36, 0x1B, 0xFF, 0x53, 0xF6, 15, 8

; ES:DI = the parameter table that INT 1Eh points to.
fd_parameters:
        xor     di, di
        mov     es, di
        les     di, [es:0x1E * 4]
        ret

; The motor of drive DL on, the drive selected. It stops some time after the last use.
fd_motor:
        pusha
        cli
        mov     byte [B_FD_COUNT], 0xFF
        mov     cl, dl
        mov     al, 1
        shl     al, cl
        mov     ah, [B_FD_MOTOR]
        and     ah, 0x8F
        or      ah, al
        mov     [B_FD_MOTOR], ah
        shl     ah, 4
        or      ah, 0x0C
        or      ah, dl
        sti
        mov     al, ah
        mov     dx, FD_DOR
        out     dx, al
        popa
        ret

; Resets the controller; AH = status. Both drives need recalibrating after.
fd_reset:
        push    cx
        push    dx
        and     byte [B_FD_RECAL], 0x7C
        mov     al, [B_FD_MOTOR]
        shl     al, 4
        or      al, 0x08
        mov     dx, FD_DOR
        out     dx, al
        or      al, 0x04
        out     dx, al
        call    fd_interrupt
        jc      .out
        mov     cx, 4
.sense:                                 ; one for each drive that polling has seen
        mov     al, 0x08
        call    fd_send
        call    fd_result
        loop    .sense
        call    fd_specify
        mov     ah, 0
.out:
        pop     dx
        pop     cx
        ret

fd_specify:
        push    es
        push    di
        call    fd_parameters
        mov     al, 0x03
        call    fd_send
        mov     al, [es:di]
        call    fd_send
        mov     al, [es:di + 1]
        call    fd_send
        pop     di
        pop     es
        ret

; Waits for IRQ 6: CF and AH = 80h if it does not come.
fd_interrupt:
        push    ax
        sti
        mov     ax, TICKS_FLOPPY
        call    timer_set
        pop     ax
.wait:
        test    byte [B_FD_RECAL], 0x80
        jnz     .came
        call    timer_check
        jnc     .wait
        mov     ah, E_TIMEOUT
        stc
        ret
.came:
        and     byte [B_FD_RECAL], 0x7F
        clc
        ret

; AL to the controller. CF if it does not want it.
fd_send:
        push    dx
        push    cx
        push    ax
        mov     dx, FD_STATUS
        xor     cx, cx
.wait:
        in      al, dx
        and     al, 0xC0
        cmp     al, 0x80
        je      .ready
        loop    .wait
        pop     ax
        pop     cx
        pop     dx
        stc
        ret
.ready:
        pop     ax
        inc     dx
        out     dx, al
        pop     cx
        pop     dx
        clc
        ret

; Result bytes to B_FD_RESULT, 7 at most; AL = the first.
fd_result:
        push    cx
        push    dx
        push    bx
        xor     bx, bx
        mov     dx, FD_STATUS
.next:
        xor     cx, cx
.wait:
        in      al, dx
        test    al, 0x80
        jnz     .ready
        loop    .wait
        jmp     .out
.ready:
        test    al, 0x40
        jz      .out
        inc     dx
        in      al, dx
        dec     dx
        mov     [B_FD_RESULT + bx], al
        inc     bx
        cmp     bl, 7
        jb      .next
.out:
        mov     al, [B_FD_RESULT]
        pop     bx
        pop     dx
        pop     cx
        ret

; ZF clear: the change line of drive DL is active.
fd_change_line:
        push    dx
        mov     dx, FD_RATE
        in      al, dx
        pop     dx
        test    al, 0x80
        ret

; A step of the head releases the change line, if there is a medium: CF if not.
fd_clear_change:
        push    bx
        movzx   bx, dl
        mov     byte [B_FD_STATE + bx], 0
        call    fd_recalibrate
        mov     ch, 1
        call    fd_seek_to
        mov     ch, 0
        call    fd_seek_to
        call    fd_change_line
        pop     bx
        jz      .cleared
        stc
.cleared:
        ret

fd_recalibrate:
        push    cx
        mov     cx, 2                   ; 77 steps may not be enough
.again:
        mov     al, 0x07
        call    fd_send
        mov     al, dl
        call    fd_send
        call    fd_interrupt
        jc      .out
        mov     al, 0x08
        call    fd_send
        call    fd_result
        and     al, 0x30
        cmp     al, 0x20
        je      .done
        loop    .again
        mov     ah, 0x40
        stc
        jmp     .out
.done:
        push    bx
        mov     bl, 1
        mov     cl, dl
        shl     bl, cl
        or      [B_FD_RECAL], bl
        movzx   bx, dl
        mov     byte [B_FD_TRACK + bx], 0
        pop     bx
        clc
.out:
        pop     cx
        ret

; The head of drive DL to cylinder CH: CF and AH if it fails.
fd_seek:
        push    bx
        mov     bl, 1
        push    cx
        mov     cl, dl
        shl     bl, cl
        pop     cx
        test    [B_FD_RECAL], bl
        jnz     .known
        call    fd_recalibrate
        jc      .out
.known:
        push    cx
        movzx   bx, dl
        test    byte [B_FD_STATE + bx], 0x20
        jz      .single
        shl     ch, 1
.single:
        cmp     [B_FD_TRACK + bx], ch
        clc
        je      .there
        call    fd_seek_to
.there:
        pop     cx
.out:
        pop     bx
        ret

fd_seek_to:
        push    bx
        mov     al, 0x0F
        call    fd_send
        mov     al, dl
        call    fd_send
        mov     al, ch
        call    fd_send
        call    fd_interrupt
        jc      .out
        mov     al, 0x08
        call    fd_send
        call    fd_result
        and     al, 0xE0
        cmp     al, 0x20
        mov     ah, 0x40
        stc
        jne     .out
        movzx   bx, dl
        mov     [B_FD_TRACK + bx], ch
        clc
.out:
        pop     bx
        ret

; Programs DMA channel 2: BL = mode, CX = bytes, caller's ES:BX = buffer. CF and AH: crosses 64 KiB.
fd_dma:
        push    dx
        mov     dx, bx
        movzx   eax, word [bp + R_ES]
        shl     eax, 4
        movzx   ebx, word [bp + R_BX]
        add     eax, ebx
        mov     bx, cx
        dec     bx
        add     bx, ax
        jc      .boundary
        mov     bx, dx
        dec     cx
        cli
        mov     dx, ax
        mov     al, 0x06
        out     0x0A, al
        out     0x0C, al
        mov     al, bl
        out     0x0B, al
        mov     al, dl
        out     0x04, al
        mov     al, dh
        out     0x04, al
        shr     eax, 16
        out     0x81, al
        mov     al, cl
        out     0x05, al
        mov     al, ch
        out     0x05, al
        mov     al, 0x02
        out     0x0A, al
        sti
        pop     dx
        clc
        ret
.boundary:
        mov     ah, E_BOUNDARY
        pop     dx
        stc
        ret

; Gets drive DL ready: motor, change of medium, rate. CF and AH if not.
fd_prepare:
        call    fd_motor
        call    fd_change_line
        jz      .same
        call    fd_clear_change
        mov     ah, E_CHANGED
        jnc     .fail
        mov     ah, E_TIMEOUT           ; nothing in the drive
.fail:
        stc
        ret
.same:
        clc
        ret

; Sets the rate of state AL.
fd_set_rate:
        push    ax
        push    dx
        mov     ah, al
        shr     al, 6
        mov     dx, FD_RATE
        out     dx, al
        and     ah, 0xC0
        mov     [B_FD_RATE], ah
        pop     dx
        pop     ax
        ret

; AH = command, BX = DMA mode: moves the sectors that the caller asks for. AH = status, the caller's AL = sectors moved.
fd_transfer:
        movzx   cx, byte [bp + R_AL]
        jcxz    .parameter
        mov     si, ax                  ; SI high: command
        cmp     byte [bp + R_CL], 0
        je      .parameter
        cmp     byte [bp + R_DH], 1
        ja      .parameter
        cmp     byte [bp + R_CH], 84
        ja      .parameter
        shl     cx, 9
        push    cx
        push    bx
        call    fd_dma
        pop     bx
        pop     cx
        jc      .none
        call    fd_prepare
        jc      .none
        push    bx
        movzx   bx, dl
        mov     al, [B_FD_STATE + bx]
        pop     bx
        test    al, FDS_KNOWN
        jnz     .known
        ; Every rate of the drive until one reads.
        call    fd_type
        movzx   di, al
        shl     di, 2
        add     di, fd_rates
.rate:
        mov     al, [cs:di]
        inc     di
        cmp     al, 0xFF
        je      .none
        push    bx
        movzx   bx, dl
        mov     [B_FD_STATE + bx], al
        pop     bx
        call    .once
        jnc     .good
        push    bx
        movzx   bx, dl
        mov     byte [B_FD_STATE + bx], 0
        pop     bx
        cmp     ah, E_PROTECTED
        je      .none
        cmp     ah, E_TIMEOUT
        je      .none
        jmp     .rate
.known:
        call    .once
        jc      .none
.good:
        mov     ah, 0
        jmp     .finish
.parameter:
        mov     ah, E_PARAMETER
.none:
        mov     byte [bp + R_AL], 0
.finish:
        push    es
        push    di
        push    ax
        call    fd_parameters
        mov     al, [es:di + 2]
        mov     [B_FD_COUNT], al
        pop     ax
        pop     di
        pop     es
        ret

.once:                                  ; one attempt; keeps BX, DX, SI, DI
        push    di
        push    bx
        movzx   bx, dl
        mov     al, [B_FD_STATE + bx]
        call    fd_set_rate
        pop     bx
        push    bx
        movzx   cx, byte [bp + R_AL]
        shl     cx, 9
        call    fd_dma
        mov     ch, [bp + R_CH]
        call    fd_seek
        jc      .once_out
        mov     ax, si
        mov     al, ah
        call    fd_send
        jc      .lost
        mov     al, [bp + R_DH]
        shl     al, 2
        or      al, dl
        call    fd_send
        mov     al, [bp + R_CH]
        call    fd_send
        mov     al, [bp + R_DH]
        call    fd_send
        mov     al, [bp + R_CL]
        call    fd_send
        call    fd_parameters
        mov     al, [es:di + 3]
        call    fd_send
        mov     al, [es:di + 4]         ; last sector of a track: the program's own choice, or the medium's
        cmp     al, 18
        jne     .last
        movzx   bx, dl
        mov     ah, [B_FD_STATE + bx]
        and     ah, 0xC7
        cmp     ah, 0x07                ; 500 Kbit/s in a 1.44M or 2.88M drive
        je      .last
        mov     al, 36
        cmp     ah, 0xC7
        je      .last
        mov     al, 15
        cmp     ah, 0x05
        je      .last
        mov     al, 9
.last:
        call    fd_send
        mov     al, [es:di + 5]
        call    fd_send
        mov     al, [es:di + 6]
        call    fd_send
        call    fd_interrupt
        jc      .lost
        call    fd_result
        call    fd_status
.once_out:
        pop     bx
        pop     di
        ret
.lost:
        call    fd_reset
        mov     ah, E_TIMEOUT
        stc
        jmp     .once_out

; AH and CF from the result's status bytes.
fd_status:
        mov     al, [B_FD_RESULT]
        and     al, 0xC0
        jz      .good
        mov     al, [B_FD_RESULT + 1]
        mov     ah, E_NOT_FOUND
        test    al, 0x84                ; end of cylinder, no data
        jnz     .bad
        mov     ah, E_UNREADABLE
        test    al, 0x20
        jnz     .bad
        mov     ah, 0x08
        test    al, 0x10
        jnz     .bad
        mov     ah, E_PROTECTED
        test    al, 0x02
        jnz     .bad
        mov     ah, E_NO_ADDRESS
        test    al, 0x01
        jnz     .bad
        mov     ah, E_CONTROLLER
.bad:
        stc
        ret
.good:
        mov     ah, 0
        clc
        ret

; Formats a track: four bytes a sector at the caller's ES:BX.
fd_format:
        movzx   cx, byte [bp + R_AL]
        call    fd_parameters
        movzx   cx, byte [es:di + 4]
        shl     cx, 2
        mov     bx, 0x4A
        call    fd_dma
        jc      .out
        call    fd_prepare
        jc      .out
        movzx   bx, dl
        mov     al, [B_FD_STATE + bx]
        test    al, FDS_KNOWN
        jnz     .known
        call    fd_type
        movzx   di, al
        shl     di, 2
        mov     al, [cs:fd_rates + di]
        mov     [B_FD_STATE + bx], al
.known:
        call    fd_set_rate
        mov     ch, [bp + R_CH]
        call    fd_seek
        jc      .out
        call    fd_parameters
        mov     al, 0x4D
        call    fd_send
        mov     al, [bp + R_DH]
        shl     al, 2
        or      al, dl
        call    fd_send
        mov     al, [es:di + 3]
        call    fd_send
        mov     al, [es:di + 4]
        call    fd_send
        mov     al, [es:di + 7]
        call    fd_send
        mov     al, [es:di + 8]
        call    fd_send
        call    fd_interrupt
        jc      .out
        call    fd_result
        call    fd_status
.out:
        jmp     fd_transfer.finish

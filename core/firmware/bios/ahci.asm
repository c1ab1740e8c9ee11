; AHCI 1.3.1: SATA disks and CDs. One command at a time in slot 0; all ports share one command list, received-FIS area and command
; table in shadow RAM, for only one is used at once. Registers lie above 1 MiB: they are reached through FS with base 0 and a
; limit of 4 GiB, so not from virtual-8086 mode.

AHCI_GHC        equ 0x04
AHCI_PI         equ 0x0C
PX_CLB          equ 0x00
PX_FB           equ 0x08
PX_IS           equ 0x10
PX_IE           equ 0x14
PX_CMD          equ 0x18
PX_TFD          equ 0x20
PX_SIG          equ 0x24
PX_SSTS         equ 0x28
PX_SERR         equ 0x30
PX_CI           equ 0x38
CMD_ST          equ 0x0001
CMD_FRE         equ 0x0010
CMD_FR          equ 0x4000
CMD_CR          equ 0x8000
AHCI_WRITE      equ 0x40
AHCI_PACKET     equ 0x20

ahci_init:
        xor     cx, cx
.controller:
        push    cx
        mov     si, cx
        mov     eax, 0x010601
        call    pci_find_class
        pop     cx
        jc      .out
        push    cx
        call    .ports
        pop     cx
        inc     cx
        cmp     cl, 4
        jb      .controller
.out:
        ret
.ports:
        call    pci_master
        mov     di, 0x24
        call    pci_read32
        and     eax, 0xFFFFFFF0
        jz      .out
        mov     [ahci_base], eax
        call    enter_flat
        mov     edi, eax
        or      dword [fs:edi + AHCI_GHC], 0x80000000
        xor     cx, cx
.port:
        mov     edi, [ahci_base]
        mov     eax, [fs:edi + AHCI_PI]
        bt      eax, ecx
        jnc     .next
        movzx   eax, cx
        shl     eax, 7
        lea     edi, [edi + eax + 0x100]
        mov     eax, [fs:edi + PX_SSTS]
        and     al, 0x0F
        cmp     al, 3
        jne     .next
        call    ahci_start
        jc      .next
        call    drive_new
        jc      .next
        mov     [si + drive.mmio], edi
        mov     [si + drive.channel], cl
        mov     [si + drive.bdf], bx
        pushad
        call    ahci_identify
        popad
.next:
        call    enter_flat              ; transfers give FS back as it was
        inc     cx
        cmp     cx, 32
        jb      .port
        ret

; Starts the port at FS:EDI. CF: its drive stays busy.
ahci_start:
        call    ahci_stop
        mov     dword [fs:edi + PX_CLB], DSEG * 16 + AHCI_LIST
        mov     dword [fs:edi + PX_CLB + 4], 0
        mov     dword [fs:edi + PX_FB], DSEG * 16 + AHCI_FIS
        mov     dword [fs:edi + PX_FB + 4], 0
        mov     dword [fs:edi + PX_IE], 0
        mov     dword [fs:edi + PX_SERR], 0xFFFFFFFF
        mov     dword [fs:edi + PX_IS], 0xFFFFFFFF
        or      dword [fs:edi + PX_CMD], CMD_FRE | 0x06
        mov     ax, TICKS_PROBE
        call    timer_set
.busy:
        test    byte [fs:edi + PX_TFD], 0x88
        jz      .ready
        call    timer_check
        jnc     .busy
        ret
.ready:
        or      dword [fs:edi + PX_CMD], CMD_ST
        clc
        ret

ahci_stop:
        push    cx
        and     dword [fs:edi + PX_CMD], ~CMD_ST
        xor     cx, cx
.running:
        test    dword [fs:edi + PX_CMD], CMD_CR
        loopnz  .running
        and     dword [fs:edi + PX_CMD], ~CMD_FRE
        xor     cx, cx
.receiving:
        test    dword [fs:edi + PX_CMD], CMD_FR
        loopnz  .receiving
        pop     cx
        ret

; Record SI is a port with a drive: what is it?
ahci_identify:
        mov     byte [si + drive.type], T_AHCI
        mov     ah, 0xEC
        cmp     dword [fs:edi + PX_SIG], 0xEB140101
        jne     .ask
        mov     byte [si + drive.type], T_AHCI_CD
        mov     ah, 0xA1
.ask:
        push    ax
        call    clear_fis
        pop     ax
        mov     [AHCI_TABLE + 2], ah
        mov     al, 0
        mov     ecx, 512
        mov     edx, DSEG * 16 + sector_buffer
        call    ahci_issue
        jc      .out
        cmp     byte [si + drive.type], T_AHCI_CD
        je      .cd
        call    take_identity
        jnc     disk_add
.out:
        ret
.cd:
        call    drive_name
        mov     al, [sector_buffer + 1]
        and     al, 0x1F
        cmp     al, 5
        je      cd_add
        ret

; An empty register FIS, host to device, for a command.
clear_fis:
        push    es
        push    di
        push    ds
        pop     es
        mov     di, AHCI_TABLE
        mov     cx, 0x90 / 2
        xor     ax, ax
        rep stosw
        mov     word [AHCI_TABLE], 0x8027
        pop     di
        pop     es
        ret

; Runs the command in AHCI_TABLE on drive SI: AL = flags, ECX bytes at linear address EDX. CF: error. FS is flat.
ahci_issue:
        push    edi
        push    eax
        movzx   eax, al
        or      al, 5                   ; double words of the FIS
        or      ecx, ecx
        jz      .no_data
        or      eax, 0x10000
        mov     [AHCI_TABLE + 0x80], edx
        mov     dword [AHCI_TABLE + 0x84], 0
        mov     dword [AHCI_TABLE + 0x88], 0
        lea     edi, [ecx - 1]
        mov     [AHCI_TABLE + 0x8C], edi
.no_data:
        mov     [AHCI_LIST], eax
        mov     dword [AHCI_LIST + 4], 0
        mov     dword [AHCI_LIST + 8], DSEG * 16 + AHCI_TABLE
        mov     dword [AHCI_LIST + 12], 0
        mov     edi, [si + drive.mmio]
        mov     dword [fs:edi + PX_IS], 0xFFFFFFFF
        mov     ax, TICKS_DRIVE
        call    timer_set
        mov     dword [fs:edi + PX_CI], 1
.wait:
        test    dword [fs:edi + PX_IS], 0x78000000      ; task file, host bus, interface errors
        jnz     .error
        test    byte [fs:edi + PX_CI], 1
        jz      .done
        call    timer_check
        jnc     .wait
.error:
        call    ahci_start
        pop     eax
        pop     edi
        stc
        ret
.done:
        test    byte [fs:edi + PX_TFD], 0x01
        jnz     .error
        pop     eax
        pop     edi
        clc
        ret

; FS flat for a transfer; CF and AH where that cannot be. The caller saves ES and FS.
ahci_enter:
        smsw    ax
        test    al, 1
        jnz     .refused
        call    enter_flat
        clc
        ret
.refused:
        mov     ah, E_NOT_READY
        stc
        ret

; See block_transfer. A buffer at an odd address is not for DMA: block by block through sector_buffer.
ahci_transfer:
        push    fs
        call    ahci_enter
        jc      .end
.next:
        mov     ecx, [rq_count]
        sub     ecx, [rq_done]
        jz      .good
        mov     ebx, 256
        test    byte [rq_buffer], 1
        jz      .even
        mov     bl, 1
        mov     bh, 0
.even:
        cmp     ecx, ebx
        jbe     .size
        mov     ecx, ebx
.size:
        mov     bx, cx                  ; BX sectors
        call    clear_fis
        mov     eax, [rq_lba]
        mov     edx, [rq_lba + 4]
        add     eax, [rq_done]
        adc     edx, 0
        mov     [AHCI_TABLE + 4], eax   ; its top byte is the device register's place
        shr     eax, 24
        mov     [AHCI_TABLE + 8], al
        mov     [AHCI_TABLE + 9], dx
        mov     byte [AHCI_TABLE + 7], 0x40
        mov     [AHCI_TABLE + 12], bx
        mov     ah, 0x25
        test    byte [si + drive.flags], F_LBA48
        jnz     .command
        mov     cl, [AHCI_TABLE + 8]
        and     cl, 0x0F
        or      [AHCI_TABLE + 7], cl
        mov     byte [AHCI_TABLE + 8], 0
        mov     ah, 0xC8
.command:
        mov     al, 0
        cmp     byte [rq_op], OP_WRITE
        jne     .set
        mov     al, AHCI_WRITE
        mov     ah, 0x35
        test    byte [si + drive.flags], F_LBA48
        jnz     .set
        mov     ah, 0xCA
.set:
        mov     [AHCI_TABLE + 2], ah
        movzx   ecx, bx
        shl     ecx, 9
        mov     edx, [rq_buffer]
        test    dl, 1
        jz      .issue
        cmp     al, AHCI_WRITE
        jne     .bounce
        call    bounce_out
.bounce:
        mov     edx, DSEG * 16 + sector_buffer
.issue:
        push    ecx
        call    ahci_issue
        pop     ecx
        jc      .failed
        test    byte [rq_buffer], 1
        jz      .moved
        cmp     byte [rq_op], OP_WRITE
        je      .moved
        call    bounce_in
.moved:
        add     [rq_buffer], ecx
        movzx   ebx, bx
        add     [rq_done], ebx
        jmp     .next
.failed:
        mov     ah, E_CONTROLLER
        mov     edi, [si + drive.mmio]
        test    byte [fs:edi + PX_TFD + 1], 0x40
        jz      .end
        mov     ah, E_UNREADABLE
        jmp     .end
.good:
        mov     ah, E_OK
.end:
        pop     fs
        ret

; CX bytes between rq_buffer and sector_buffer.
bounce_out:
        pusha
        push    ds
        push    es
        push    ds
        pop     es
        mov     di, sector_buffer
        mov     eax, [rq_buffer]
        mov     si, ax
        and     si, 0x0F
        shr     eax, 4
        mov     ds, ax
        rep movsb
        pop     es
        pop     ds
        popa
        ret
bounce_in:
        pusha
        push    es
        mov     si, sector_buffer
        mov     eax, [rq_buffer]
        mov     di, ax
        and     di, 0x0F
        shr     eax, 4
        mov     es, ax
        rep movsb
        pop     es
        popa
        ret

; `packet` to CD drive SI; ECX bytes come to linear address EDX. CF: error. FS is flat.
ahci_packet:
        push    ecx
        call    clear_fis
        pop     ecx
        mov     byte [AHCI_TABLE + 2], 0xA0
        mov     byte [AHCI_TABLE + 3], 1        ; DMA
        mov     word [AHCI_TABLE + 5], 0x0800
        push    si
        push    di
        push    es
        push    ds
        pop     es
        push    cx
        mov     si, packet
        mov     di, AHCI_TABLE + 0x40
        mov     cx, 6
        rep movsw
        pop     cx
        pop     es
        pop     di
        pop     si
        mov     al, AHCI_PACKET
        jmp     ahci_issue

ahci_sense:
        call    clear_packet
        mov     byte [packet], 0x03
        mov     byte [packet + 4], 18
        mov     ecx, 18
        mov     edx, DSEG * 16 + sector_buffer
        call    ahci_packet
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

; A packet without data; see cd_command.
ahci_command:
        push    fs
        push    es
        call    ahci_enter
        jc      .refused
        xor     ecx, ecx
        call    ahci_packet
        jnc     .out
        call    ahci_sense
        stc
        jmp     .out
.refused:
        mov     byte [sense_key], 0x05
        stc
.out:
        pop     es
        pop     fs
        ret

; Blocks of 2048 bytes; see block_transfer.
ahci_cd_transfer:
        push    fs
        mov     ah, E_PROTECTED
        cmp     byte [rq_op], OP_READ
        jne     .end
        call    ahci_enter
        jc      .end
        mov     byte [rq_error], 8
.next:
        mov     eax, [rq_count]
        sub     eax, [rq_done]
        jz      .good
        mov     ebx, 32
        test    byte [rq_buffer], 1
        jz      .even
        mov     bl, 1
.even:
        cmp     eax, ebx
        jbe     .size
        mov     eax, ebx
.size:
        mov     bx, ax
        call    read_packet
        movzx   ecx, bx
        shl     ecx, 11
        mov     edx, [rq_buffer]
        test    dl, 1
        jz      .issue
        mov     edx, DSEG * 16 + sector_buffer
.issue:
        push    ecx
        push    bx
        call    ahci_packet
        pop     bx
        pop     ecx
        jc      .failed
        test    byte [rq_buffer], 1
        jz      .moved
        call    bounce_in
.moved:
        add     [rq_buffer], ecx
        movzx   ebx, bx
        add     [rq_done], ebx
        jmp     .next
.failed:
        call    ahci_sense
        call    sense_status
        jnc     .end
        call    spin_up
        dec     byte [rq_error]
        jnz     .next
        jmp     .end
.good:
        mov     ah, E_OK
.end:
        pop     fs
        ret

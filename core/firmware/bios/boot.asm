; What to boot: the list of devices in the order of CMOS 3Dh and 38h or of fw_cfg's "bootorder" (Open Firmware paths), the menu on F12,
; and INT 18h and 19h.

; A device in boot_list (16 bytes): kind, number, rank, BDF, channel, unit.
struc boot
.kind           resb 1
.number         resb 1          ; of its kind
.bdf            resw 1
.channel        resb 1
.unit           resb 1
.rank           resw 1          ; in bootorder; FFFFh: not in it
                alignb 16
.bytes:
endstruc
K_FLOPPY        equ 1
K_DISK          equ 2
K_CD            equ 3
K_NETWORK       equ 4

name_bootorder: db "bootorder", 0

show_banner:
        mov     ax, 0x0003
        int     0x10
        mov     si, text_banner
        call    put_text
        mov     eax, [ram_below]
        add     eax, [ram_above]        ; whole MiB are far below 2^32
        mov     edx, [ram_above + 4]
        adc     edx, 0
        shrd    eax, edx, 20
        call    put_number
        mov     si, text_memory
        jmp     put_text

text_banner:    db "Ringfence BIOS 1.0, ", 0
text_memory:    db " MiB", 13, 10, 0
text_floppy:    db "Floppy ", 0
text_disk:      db "Hard disk ", 0
text_cd:        db "CD-ROM ", 0
text_network:   db "Network", 0
text_booting:   db "Booting from ", 0
text_dots:      db "...", 13, 10, 0
text_colon:     db ": ", 0
text_eol:       db 13, 10, 0

; Adds AL kind, AH number, BX function, CL channel, CH unit.
boot_add:
        push    di
        mov     di, [boot_count]
        cmp     di, 16
        jae     .full
        inc     word [boot_count]
        shl     di, 4
        add     di, boot_list
        mov     [di + boot.kind], al
        mov     [di + boot.number], ah
        mov     [di + boot.bdf], bx
        mov     [di + boot.channel], cl
        mov     [di + boot.unit], ch
        mov     word [di + boot.rank], 0xFFFF
.full:
        pop     di
        ret

list_boot_devices:
        mov     word [boot_count], 0
        ; The order of kinds: nibbles, 1 floppy, 2 disk, 3 CD, 4 network.
        mov     al, 0x3D
        call    cmos_read
        mov     bl, al
        mov     al, 0x38
        call    cmos_read
        shr     al, 4
        mov     bh, al                  ; BX: third, second, first from the top nibble down
        or      bx, bx
        jnz     .given
        mov     bx, 0x0321
.given:
        or      bx, 0x4000              ; the network last, if it is not named before
        mov     cx, 4
.kind:
        mov     al, bl
        and     al, 0x0F
        push    bx
        push    cx
        call    .add_kind
        pop     cx
        pop     bx
        shr     bx, 4
        loop    .kind
        mov     al, K_FLOPPY            ; kinds nobody has named are for the menu only
        mov     ah, [boot_count]
        mov     [boot_tried], ah
        call    .add_kind
        mov     al, K_CD
        call    .add_kind
        mov     al, K_DISK
        call    .add_kind
        jmp     use_bootorder

.add_kind:                              ; AL; each kind once
        cmp     al, 1
        jb      .out
        cmp     al, 4
        ja      .out
        mov     cx, [boot_count]
        mov     di, boot_list
        jcxz    .new
.known:
        cmp     [di], al
        je      .out
        add     di, boot.bytes
        loop    .known
.new:
        cmp     al, K_DISK
        jb      .floppies
        je      .disks
        cmp     al, K_CD
        je      .cds
        mov     ah, 0
        mov     si, bev_list
.network:
        cmp     ah, [bev_count]
        jae     .out
        mov     bx, [si + bev.bdf]
        xor     cx, cx
        call    boot_add
        add     si, bev.bytes
        inc     ah
        jmp     .network
.out:
        ret
.floppies:
        mov     dl, 0
.floppy:
        call    fd_type
        or      al, al
        jz      .out
        mov     al, K_FLOPPY
        mov     ah, dl
        mov     bx, 0x0008              ; below the ISA bridge
        mov     cl, 0
        mov     ch, dl
        call    boot_add
        inc     dl
        cmp     dl, 2
        jb      .floppy
        ret
.disks:
        mov     dx, [hd_count]
        mov     di, hd_map
        jmp     .drives
.cds:
        mov     dx, [cd_count]
        mov     di, cd_map
.drives:
        mov     ah, 0
.drive:
        cmp     ah, dl
        jae     .out
        mov     si, [di]
        add     di, 2
        mov     bx, [si + drive.bdf]
        mov     cl, [si + drive.channel]
        mov     ch, [si + drive.unit]
        call    boot_add
        inc     ah
        jmp     .drive

; Ranks the devices by the lines of "bootorder", and sorts. A line's numbers after "@": function, then channel and unit. Lines name
; PCI functions ("/pci@i0cf8/ide@1,1/drive@0/disk@1", ".../scsi@5/disk@0,0", "/pci@i0cf8/isa@1/fdc@03f0/floppy@0").
use_bootorder:
        mov     si, name_bootorder
        call    fw_find
        jc      .out
        mov     ecx, [fw_size]
        cmp     ecx, 1023
        jbe     .fits
        mov     cx, 1023
.fits:
        mov     di, order_text
        mov     bx, cx
        call    fw_open
        call    fw_read
        mov     byte [order_text + bx], 0
        mov     si, order_text
        xor     dx, dx                  ; rank
.line:
        cmp     byte [si], 0
        je      .ranked
        call    .parse                  ; BX function, CL and CH; AL kind or 0; SI at the end of the line
        push    dx
        mov     di, boot_list
        mov     ah, [boot_count]
.device:
        or      ah, ah
        jz      .next
        cmp     al, K_FLOPPY
        je      .floppy
        cmp     byte [di + boot.kind], K_FLOPPY
        je      .differs
        cmp     [di + boot.bdf], bx
        jne     .differs
        cmp     byte [di + boot.kind], K_NETWORK
        je      .same
        cmp     [di + boot.channel], cl
        jne     .differs
.floppy:
        cmp     al, K_FLOPPY
        jne     .unit
        cmp     [di + boot.kind], al
        jne     .differs
.unit:
        cmp     [di + boot.unit], ch
        jne     .differs
.same:
        cmp     word [di + boot.rank], 0xFFFF
        jne     .differs
        mov     [di + boot.rank], dx
.differs:
        add     di, boot.bytes
        dec     ah
        jmp     .device
.next:
        pop     dx
        inc     dx
        jmp     .line
.ranked:
        ; Stable sort by rank.
        mov     cx, [boot_count]
        jcxz    .out
.pass:
        push    cx
        mov     di, boot_list
        dec     cx
        jz      .passed
.pair:
        mov     ax, [di + boot.rank]
        cmp     ax, [di + boot.bytes + boot.rank]
        jbe     .ordered
        mov     bx, 12
.swap:
        mov     eax, [di + bx]
        xchg    eax, [di + bx + boot.bytes]
        mov     [di + bx], eax
        sub     bx, 4
        jns     .swap
.ordered:
        add     di, boot.bytes
        loop    .pair
.passed:
        pop     cx
        loop    .pass
        mov     al, [boot_count]        ; all are tried
        mov     [boot_tried], al
.out:
        ret

.parse:
        xor     bx, bx
        xor     cx, cx
        push    dx
        xor     dx, dx                  ; DL: how many numbers, DH: kind
.char:
        lodsb
        or      al, al
        jz      .end_of_text
        cmp     al, 10
        je      .end
        cmp     al, '/'
        jne     .not_name
        cmp     dword [si], "flop"
        jne     .char
        mov     dh, K_FLOPPY
        jmp     .char
.not_name:
        cmp     al, '@'
        jne     .char
        cmp     byte [si], 'i'          ; the root: pci@i0cf8
        je      .char
        call    .hex
        inc     dl
        cmp     dl, 2
        jb      .function
        je      .channel
        mov     ch, al
        jmp     .char
.function:
        mov     bl, al
        shl     bl, 3
        cmp     byte [si], ','
        jne     .char
        inc     si
        call    .hex
        or      bl, al
        jmp     .char
.channel:
        mov     cl, al
        cmp     dh, K_FLOPPY
        jne     .char
        mov     ch, al
        jmp     .char
.end_of_text:
        dec     si
.end:
        mov     al, dh
        pop     dx
        ret
.hex:
        push    bx
        xor     bx, bx
.digit:
        mov     al, [si]
        sub     al, '0'
        jb      .number
        cmp     al, 9
        jbe     .value
        sub     al, 'a' - '0'
        jb      .number
        cmp     al, 5
        ja      .number
        add     al, 10
.value:
        shl     bx, 4
        or      bl, al
        inc     si
        jmp     .digit
.number:
        mov     al, bl
        pop     bx
        ret

; Prints device DI.
boot_name:
        pusha
        mov     al, [di + boot.kind]
        mov     si, text_network
        cmp     al, K_NETWORK
        je      .network
        mov     si, text_floppy
        cmp     al, K_FLOPPY
        je      .numbered
        mov     si, text_disk
        cmp     al, K_DISK
        je      .numbered
        mov     si, text_cd
.numbered:
        call    put_text
        mov     al, [di + boot.number]
        add     al, '1'
        cmp     byte [di + boot.kind], K_FLOPPY
        jne     .digit
        add     al, 'A' - '1'
.digit:
        call    put_char
        mov     bx, hd_map
        cmp     byte [di + boot.kind], K_DISK
        je      .model
        mov     bx, cd_map
        cmp     byte [di + boot.kind], K_CD
        jne     .out
.model:
        mov     si, text_colon
        call    put_text
        mov     al, [di + boot.number]
        cbw
        add     ax, ax
        add     bx, ax
        mov     si, [bx]
        lea     si, [si + drive.name]
        call    put_text_ds
.out:
        popa
        ret
.network:
        call    put_text
        movzx   bx, byte [di + boot.number]
        shl     bx, 3
        mov     si, [bev_list + bx + bev.name]
        or      si, si
        jz      .out
        push    si
        mov     si, text_colon
        call    put_text
        pop     si
        push    ds
        mov     ds, [bev_list + bx + bev.entry + 2]
        mov     cx, 40                  ; a name that does not end ends here
.letter:
        lodsb
        cmp     al, ' '
        jb      .named
        call    put_char
        loop    .letter
.named:
        pop     ds
        jmp     .out

; The menu: on F12 while "etc/boot-menu-wait" says (milliseconds; not at all without), and when nothing boots.
boot_menu:
        mov     byte [menu_device], 0xFF
        cmp     byte [menu_wanted], 0
        je      .out
        mov     si, name_wait
        call    fw_number
        jnc     .wait
        xor     eax, eax
.wait:
        cmp     eax, 60000
        jbe     .sane
        mov     eax, 60000
.sane:
        xor     edx, edx
        mov     ecx, 55
        div     ecx
        or      ax, ax
        jz      .look
        mov     si, text_press
        call    put_text
        call    timer_set
.look:
        mov     ah, 0x11
        int     0x16
        jz      .no_key
        mov     ah, 0x10
        int     0x16
        cmp     ah, 0x86                ; F12
        je      .show
        cmp     ah, 0x01                ; Esc
        je      .show
        jmp     .look
.no_key:
        call    timer_check
        jc      .out
        hlt
        jmp     .look
.out:
        ret
.show:
        call    .choose
        ret

; Shows the list and waits for a choice: menu_device.
.choose:
        mov     si, text_menu
        call    put_text
        mov     cx, [boot_count]
        jcxz    .empty
        mov     di, boot_list
        mov     al, '1'
.entry:
        push    ax
        mov     al, ' '
        call    put_char
        pop     ax
        call    put_char
        cmp     al, '9'
        jne     .next_label
        mov     al, 'a' - 1
.next_label:
        inc     ax
        mov     si, text_dot
        call    put_text
        call    boot_name
        mov     si, text_eol
        call    put_text
        add     di, boot.bytes
        loop    .entry
.key:
        mov     ah, 0x10
        int     0x16
        sub     al, '1'
        jb      .key
        cmp     al, 8
        jbe     .number
        sub     al, 'a' - '1' - 9
        jb      .key
.number:
        cmp     al, [boot_count]
        jae     .key
        mov     [menu_device], al
.empty:
        ret

text_press:     db "F12: boot menu", 13, 10, 0
text_menu:      db 13, 10, "Boot from:", 13, 10, 0
text_dot:       db ". ", 0
text_nothing:   db 13, 10, "Nothing to boot: no medium in any drive starts a system.", 13, 10
                db "Insert one and press a key.", 13, 10, 0
text_no_devices:
                db 13, 10, "There is nothing to boot from: this machine has no drives.", 13, 10, 0
text_not_bootable:
                db "  not bootable", 13, 10, 0
text_no_medium:
                db "  no medium, or it cannot be read", 13, 10, 0

; The system that was started has given up: the next device.
int18:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        mov     ax, DSEG
        mov     ds, ax
        jmp     boot_next

int19:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        mov     ax, DSEG
        mov     ds, ax
        mov     byte [emu_active], 0
        mov     byte [boot_drive], 0
        movzx   bx, byte [menu_device]
        mov     byte [menu_device], 0xFF
        cmp     bl, 0xFF
        jne     boot_chosen
boot_next:
        mov     ax, DSEG
        mov     ds, ax
        movzx   bx, byte [boot_drive]
        cmp     bl, [boot_tried]
        jae     boot_failed
        inc     byte [boot_drive]
boot_chosen:
        cmp     bx, [boot_count]
        jae     boot_failed
        shl     bx, 4
        lea     di, [boot_list + bx]
        mov     si, text_booting
        call    put_text
        call    boot_name
        mov     si, text_dots
        call    put_text
        mov     al, [di + boot.kind]
        mov     ah, [di + boot.number]
        cmp     al, K_DISK
        jb      .floppy
        je      .disk
        cmp     al, K_CD
        je      .cd
        movzx   si, ah                  ; network: returns if there is no server
        shl     si, 3
        mov     ax, [bev_list + si + bev.bdf]
        push    word ROM_SEG
        pop     es
        mov     di, pnp_header
        call    far [bev_list + si + bev.entry]
        jmp     int18
.floppy:
        mov     dl, ah
        call    read_boot_sector
        jc      .unreadable
        cmp     word [es:0x7DFE], 0xAA55
        je      start_boot_sector
        mov     al, [es:0x7C00]         ; DOS of old had no signature: a jump will do
        cmp     al, 0xE9
        je      start_boot_sector
        cmp     al, 0xEB
        jne     .not_bootable
        cmp     byte [es:0x7C02], 0x90
        jne     .not_bootable
        jmp     start_boot_sector
.disk:
        mov     dl, ah
        add     dl, 0x80
        call    read_boot_sector
        jc      .unreadable
        cmp     word [es:0x7DFE], 0xAA55
        je      start_boot_sector
.not_bootable:
        mov     si, text_not_bootable
        call    put_text
        jmp     boot_next
.unreadable:
        mov     si, text_no_medium
        call    put_text
        jmp     boot_next
.cd:
        movzx   bx, ah
        call    cd_boot                 ; returns only if it does not start
        jc      .unreadable
        jmp     .not_bootable

boot_failed:
        mov     si, text_no_devices
        cmp     word [boot_count], 0
        je      .stop
        mov     si, text_nothing
        call    put_text
        mov     ah, 0x10
        int     0x16
        call    boot_menu.choose
        int     0x19
.stop:
        call    put_text
.halt:
        sti
        hlt
        jmp     .halt

; The first sector of drive DL to 0:7C00; ES = 0. CF if it cannot be read.
read_boot_sector:
        xor     ax, ax
        mov     es, ax
        mov     cx, 4
.try:
        push    cx
        mov     ax, 0x0201
        mov     bx, 0x7C00
        mov     cx, 1
        mov     dh, 0
        int     0x13
        pop     cx
        jnc     .out
        cmp     ah, E_TIMEOUT
        je      .failed
        mov     ah, 0
        int     0x13
        loop    .try
.failed:
        stc
.out:
        ret

start_boot_sector:
        xor     dh, dh
start_image:                            ; DL drive; at 0:7C00
        mov     ax, 0x7C0
start_segment:                          ; AX segment; 7C0h is entered as 0:7C00
        cmp     ax, 0x7C0
        jne     .elsewhere
        xor     ax, ax
        push    ax
        push    word 0x7C00
        jmp     .enter
.elsewhere:
        push    ax
        push    word 0
.enter:
        xor     eax, eax
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        movzx   edx, dx
        xor     ebx, ebx
        xor     ecx, ecx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        mov     ax, 0xAA55
        sti
        retf

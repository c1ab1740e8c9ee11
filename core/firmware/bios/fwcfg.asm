; QEMU's firmware configuration device (docs/specs/fw_cfg.rst) by its two ports, and the table loader: a script in the file
; etc/table-loader says which files to place where, and which pointers and checksums in them to mend. Files come from outside:
; sizes and offsets that do not fit are passed over.

FW_SELECT       equ 0x510
FW_DATA         equ 0x511
FW_SIGNATURE    equ 0x00
FW_BOOT_MENU    equ 0x0E
FW_DIRECTORY    equ 0x19
FW_FILE_BYTES   equ 64
SCRIPT_AT       equ 0x20000     ; free memory while nothing is booted
SCRIPT_MAX      equ 0x10000

name_e820:      db "etc/e820", 0
name_script:    db "etc/table-loader", 0
name_wait:      db "etc/boot-menu-wait", 0
name_smbios:    db "etc/smbios/smbios-tables", 0
name_anchor:    db "etc/smbios/smbios-anchor", 0
name_mp:        db "opt/ringfence/mp-table", 0
name_vgaroms:   db "vgaroms/", 0
name_genroms:   db "genroms/", 0

fw_init:
        mov     ax, FW_SIGNATURE
        call    fw_open_key
        mov     di, name_buffer
        mov     cx, 4
        call    fw_read
        cmp     dword [name_buffer], "QEMU"
        jne     .none
        mov     byte [fwcfg_there], 1
        mov     ax, FW_BOOT_MENU
        call    fw_open_key
        mov     di, name_buffer
        mov     cx, 2
        call    fw_read
        mov     ax, [name_buffer]
        or      al, ah
        mov     [menu_wanted], al
.none:
        ret

fw_open:
        mov     ax, [fw_select]
fw_open_key:
        push    dx
        mov     dx, FW_SELECT
        out     dx, ax
        pop     dx
        ret

; CX bytes of the item that is open to DS:DI.
fw_read:
        push    es
        push    dx
        push    ds
        pop     es
        mov     dx, FW_DATA
        rep insb
        pop     dx
        pop     es
        ret

; ECX bytes to linear address EDI.
fw_read_high:
        push    edx
        call    enter_flat
        mov     dx, FW_DATA
        a32 rep insb
        pop     edx
        ret

; The file whose name is CS:SI: fw_size and fw_select, or CF.
fw_find:
        xor     ax, ax
; The same with AL = 1: the first whose name starts with CS:SI, after skipping AH of them. name_buffer has the entry.
fw_find_next:
        pushad
        cmp     byte [fwcfg_there], 0
        je      .none
        mov     bx, ax
        mov     ax, FW_DIRECTORY
        call    fw_open_key
        mov     di, name_buffer
        mov     cx, 4
        call    fw_read
        mov     eax, [name_buffer]
        bswap   eax
        cmp     eax, 0x400
        ja      .none
        mov     bp, ax
.entry:
        dec     bp
        js      .none
        mov     di, name_buffer
        mov     cx, FW_FILE_BYTES
        call    fw_read
        push    si
        mov     di, name_buffer + 8
.compare:
        mov     al, [cs:si]
        or      al, al
        jz      .end
        cmp     al, [di]
        jne     .differs
        inc     si
        inc     di
        jmp     .compare
.end:
        cmp     bl, 0
        jne     .same
        cmp     byte [di], 0
        jne     .differs
.same:
        pop     si
        dec     bh
        jns     .entry
        mov     eax, [name_buffer]
        bswap   eax
        mov     [fw_size], eax
        mov     ax, [name_buffer + 4]
        xchg    al, ah
        mov     [fw_select], ax
        popad
        clc
        ret
.differs:
        pop     si
        jmp     .entry
.none:
        popad
        stc
        ret

; A number in a file: EAX = its low 32 bits, or CF.
fw_number:
        call    fw_find
        jc      .out
        call    fw_open
        push    cx
        push    di
        mov     di, name_buffer
        mov     cx, 4
        call    fw_read
        pop     di
        pop     cx
        mov     eax, [name_buffer]
        clc
.out:
        ret

; A file name at FS:ESI (in the script): fw_size and fw_select, or CF.
fw_find_script:
        pushad
        mov     ax, FW_DIRECTORY
        call    fw_open_key
        mov     di, name_buffer
        mov     cx, 4
        call    fw_read
        mov     eax, [name_buffer]
        bswap   eax
        cmp     eax, 0x400
        ja      .none
        mov     bp, ax
.entry:
        dec     bp
        js      .none
        mov     di, name_buffer
        mov     cx, FW_FILE_BYTES
        call    fw_read
        mov     edi, esi
        mov     bx, name_buffer + 8
        mov     cx, 56
.compare:
        mov     al, [fs:edi]
        cmp     al, [bx]
        jne     .entry
        or      al, al
        jz      .same
        inc     edi
        inc     bx
        loop    .compare
.same:
        mov     eax, [name_buffer]
        bswap   eax
        mov     [fw_size], eax
        mov     ax, [name_buffer + 4]
        xchg    al, ah
        mov     [fw_select], ax
        popad
        clc
        ret
.none:
        popad
        stc
        ret

; The loaded file named at FS:ESI: BX = its record, or CF.
find_loaded:
        push    eax
        push    ecx
        push    edx
        push    esi
        push    edi
        mov     bx, files
        mov     cx, [file_count]
        jcxz    .none
.file:
        mov     edi, esi
        mov     edx, [bx]
        push    cx
        mov     cx, 56
.compare:
        mov     al, [fs:edi]
        cmp     al, [fs:edx]
        jne     .differs
        or      al, al
        jz      .same
        inc     edi
        inc     edx
        loop    .compare
.same:
        pop     cx
        clc
        jmp     .out
.differs:
        pop     cx
        add     bx, 12
        loop    .file
.none:
        stc
.out:
        pop     edi
        pop     esi
        pop     edx
        pop     ecx
        pop     eax
        ret

load_tables:
        mov     si, name_script
        call    fw_find
        jc      .out
        mov     ecx, [fw_size]
        cmp     ecx, SCRIPT_MAX
        ja      .out
        and     ecx, ~127
        jz      .out
        mov     edi, SCRIPT_AT
        lea     eax, [edi + ecx]
        mov     [loader_end], eax
        call    fw_open
        call    fw_read_high
        mov     esi, SCRIPT_AT
.command:
        cmp     esi, [loader_end]
        jae     .out
        push    esi
        mov     eax, [fs:esi]
        cmp     eax, 1
        je      .allocate
        cmp     eax, 2
        je      .pointer
        cmp     eax, 3
        je      .checksum
.next:
        pop     esi
        add     esi, 128
        jmp     .command
.out:
        ret

.allocate:
        mov     edx, esi
        add     esi, 4
        cmp     word [file_count], 24
        jae     .next
        call    fw_find_script
        jc      .next
        mov     ecx, [fw_size]
        cmp     ecx, 0x200000
        ja      .next
        cmp     byte [fs:edx + 64], 2
        je      .low
        mov     eax, [fs:edx + 60]
        cmp     eax, 0x1000
        jbe     .aligned
        mov     eax, 0x1000
.aligned:
        call    high_alloc
        jmp     .place
.low:
        cmp     ecx, 0x2000
        ja      .next
        call    fseg_alloc
        jc      .next
        movzx   eax, ax
        add     eax, 0xF0000
.place:
        movzx   bx, byte [file_count]
        inc     word [file_count]
        imul    bx, bx, 12
        add     bx, files
        mov     [bx], esi
        mov     [bx + 4], eax
        mov     [bx + 8], ecx
        mov     edi, eax
        call    fw_open
        call    fw_read_high
        jmp     .next

.pointer:
        mov     edx, esi
        lea     esi, [edx + 60]
        call    find_loaded
        jc      .next
        mov     ecx, [bx + 4]           ; what to add
        lea     esi, [edx + 4]
        call    find_loaded
        jc      .next
        mov     edi, [fs:edx + 116]
        movzx   eax, byte [fs:edx + 120]
        cmp     al, 8
        ja      .next
        add     eax, edi
        jc      .next
        cmp     eax, [bx + 8]
        ja      .next
        add     edi, [bx + 4]
        mov     al, [fs:edx + 120]
        cmp     al, 4
        je      .four
        cmp     al, 8
        jne     .next
        add     [fs:edi], ecx
        adc     dword [fs:edi + 4], 0
        jmp     .next
.four:
        add     [fs:edi], ecx
        jmp     .next

.checksum:
        mov     edx, esi
        add     esi, 4
        call    find_loaded
        jc      .next
        mov     edi, [fs:edx + 64]
        mov     ecx, [fs:edx + 68]
        mov     eax, edi
        add     eax, ecx
        jc      .next
        cmp     eax, [bx + 8]
        ja      .next
        mov     eax, [fs:edx + 60]
        cmp     eax, [bx + 8]
        jae     .next
        add     eax, [bx + 4]
        add     edi, [bx + 4]
        call    sum_high
        sub     [fs:eax], dl
        jmp     .next

; DL = sum of the ECX bytes at FS:EDI.
sum_high:
        xor     dl, dl
        jecxz   .out
.byte:
        add     dl, [fs:edi]
        inc     edi
        dec     ecx
        jnz     .byte
.out:
        ret

; SMBIOS (System Management BIOS 2.8, 5.2.1): the structures go high, the entry point where it is looked for.
load_smbios:
        mov     si, name_smbios
        call    fw_find
        jc      .out
        mov     ecx, [fw_size]
        cmp     ecx, 0x10000
        ja      .out
        mov     eax, 16
        call    high_alloc
        mov     edi, eax
        push    eax
        call    fw_open
        call    fw_read_high
        pop     ebx
        mov     si, name_anchor
        call    fw_find
        jc      .out
        mov     ecx, [fw_size]
        cmp     ecx, 0x1F               ; the 32-bit entry point; the 64-bit one has no place for a table of its own here
        jne     .out
        call    fseg_alloc
        jc      .out
        movzx   edi, ax
        add     edi, 0xF0000
        push    edi
        call    fw_open
        call    fw_read_high
        pop     edi
        mov     [fs:edi + 0x18], ebx
        mov     byte [fs:edi + 0x15], 0
        mov     byte [fs:edi + 0x04], 0
        push    edi
        add     edi, 0x10
        mov     ecx, 0x0F
        call    sum_high
        pop     edi
        neg     dl
        mov     [fs:edi + 0x15], dl
        push    edi
        mov     ecx, 0x1F
        call    sum_high
        pop     edi
        neg     dl
        mov     [fs:edi + 0x04], dl
.out:
        ret

; The MP floating pointer with its configuration table behind it (MultiProcessor Specification 1.4, chapter 4), in segment F000h.
load_legacy_tables:
        mov     si, name_mp
        call    load_fseg
        jc      .out
        movzx   edi, ax
        add     edi, 0xF0000
        lea     eax, [edi + 16]
        mov     [fs:edi + 4], eax
        mov     byte [fs:edi + 10], 0
        push    edi
        mov     ecx, 16
        call    sum_high
        pop     edi
        neg     dl
        mov     [fs:edi + 10], dl
.out:
        ret

; AX = offset in segment F000h at which file CS:SI is now, or CF.
load_fseg:
        call    fw_find
        jc      .out
        mov     ecx, [fw_size]
        cmp     ecx, 0x1000
        ja      .no
        call    fseg_alloc
        jc      .out
        movzx   edi, ax
        add     edi, 0xF0000
        push    ax
        call    fw_open
        call    fw_read_high
        pop     ax
        clc
.out:
        ret
.no:
        stc
        ret

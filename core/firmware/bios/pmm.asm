; POST Memory Manager (specification 1.01): memory that option ROMs ask for while they initialize themselves. Extended memory comes from
; the end of RAM, conventional memory from the middle, where nothing else is during POST. Neither is taken from the system that
; starts afterwards, but network ROMs find their own again (the signature is gone by then).

CONVENTIONAL_LOW        equ 0x40000
CONVENTIONAL_HIGH       equ 0x80000
EXTENDED_MAX            equ 0x2000000   ; and at most half of what there is above 1 MiB
PMM_FUNCTION            equ 6           ; the caller's words, from BP after it is pushed
PMM_LENGTH              equ 8           ; paragraphs; 0 asks for the largest free block
PMM_HANDLE              equ 12
PMM_FLAGS               equ 16          ; 1 conventional, 2 extended, 4 aligned to the length's lowest bit
PMM_ADDRESS             equ 8
PMM_FIND                equ 8
ANONYMOUS               equ 0xFFFFFFFF

; A block, 12 bytes: base, size, handle.
struc block
.base           resd 1
.size           resd 1
.handle         resd 1
.bytes:
endstruc

        align 16
pmm_header:
        db "$PMM", 1, 0x10, 0           ; revision, length, checksum
        dw pmm_entry, ROM_SEG
        times 5 db 0

pmm_init:
        mov     word [pmm_count], 0
        mov     byte [pmm_cleared], 1
        mov     eax, [high_top]
        mov     [pmm_high], eax
        mov     [pmm_low], eax
        sub     eax, 0x100000
        jbe     .out
        shr     eax, 1
        cmp     eax, EXTENDED_MAX
        jbe     .fits
        mov     eax, EXTENDED_MAX
.fits:
        sub     [pmm_low], eax
.out:
        ret

; POST is over: nobody finds it any more, and conventional memory is as it was.
pmm_close:
        mov     dword [cs:pmm_header], 0
        cmp     byte [pmm_cleared], 0
        jne     .out
        push    es
        call    enter_flat
        mov     edi, CONVENTIONAL_LOW
        mov     ecx, (CONVENTIONAL_HIGH - CONVENTIONAL_LOW) / 4
        xor     eax, eax
        a32 rep stosd
        pop     es
.out:
        ret

; Called far with a C function's arguments; the answer is in DX:AX.
pmm_entry:
        push    bp
        mov     bp, sp
        pushf
        push    ds
        push    ebx
        push    ecx
        push    esi
        push    edi
        cld
        push    word DSEG
        pop     ds
        push    edx
        push    eax
        mov     ebx, ANONYMOUS          ; "function not supported"
        mov     ax, [bp + PMM_FUNCTION]
        cmp     ax, 2
        ja      .done
        je      .deallocate
        dec     ax
        jz      .find
        call    pmm_allocate
        jmp     .done
.find:
        mov     eax, [bp + PMM_FIND]
        call    pmm_find
        jmp     .done
.deallocate:
        mov     eax, [bp + PMM_ADDRESS]
        call    pmm_free
.done:
        pop     eax
        pop     edx
        mov     ax, bx
        shr     ebx, 16
        mov     dx, bx
        pop     edi
        pop     esi
        pop     ecx
        pop     ebx
        pop     ds
        popf
        pop     bp
        retf

; EBX = the block with handle EAX, or 0.
pmm_find:
        xor     ebx, ebx
        cmp     eax, ANONYMOUS
        je      .out
        mov     cx, [pmm_count]
        jcxz    .out
        mov     di, pmm_blocks
.block:
        cmp     [di + block.handle], eax
        je      .found
        add     di, block.bytes
        loop    .block
.out:
        ret
.found:
        mov     ebx, [di + block.base]
        ret

; EBX = 0, or 1 if no block begins at EAX.
pmm_free:
        mov     bx, 1
        movzx   ebx, bx
        mov     cx, [pmm_count]
        jcxz    .out
        mov     di, pmm_blocks
.block:
        cmp     [di + block.base], eax
        je      .found
        add     di, block.bytes
        loop    .block
.out:
        ret
.found:
        dec     word [pmm_count]        ; the last one takes its place
        mov     si, [pmm_count]
        imul    si, si, block.bytes
        mov     eax, [pmm_blocks + si + block.base]
        mov     [di + block.base], eax
        mov     eax, [pmm_blocks + si + block.size]
        mov     [di + block.size], eax
        mov     eax, [pmm_blocks + si + block.handle]
        mov     [di + block.handle], eax
        dec     bx
        ret

; The caller's request in BP's frame: EBX = address, size in paragraphs, or 0.
pmm_allocate:
        mov     eax, [bp + PMM_HANDLE]
        call    pmm_find
        or      ebx, ebx
        jnz     .refuse                 ; a handle is for one block
        test    word [bp + PMM_FLAGS], 1
        jz      .extended
        mov     esi, CONVENTIONAL_LOW
        mov     edi, CONVENTIONAL_HIGH
        call    .from
        or      ebx, ebx
        jz      .extended
        mov     byte [pmm_cleared], 0
        ret
.extended:
        test    word [bp + PMM_FLAGS], 2
        jz      .refuse
        mov     esi, [pmm_low]
        mov     edi, [pmm_high]
.from:                                  ; of ESI to EDI
        mov     ecx, [bp + PMM_LENGTH]
        or      ecx, ecx
        jz      .largest
        cmp     ecx, 0xFFFFFFF
        ja      .refuse
        cmp     word [pmm_count], PMM_BLOCKS
        jae     .refuse
        shl     ecx, 4
        mov     ebx, -16
        test    word [bp + PMM_FLAGS], 4
        jz      .place
        mov     ebx, ecx
        neg     ebx
        or      ebx, ecx                ; all bits from the length's lowest on
.place:
        mov     eax, edi
        sub     eax, ecx
        jb      .refuse
        and     eax, ebx
        cmp     eax, esi
        jb      .refuse
        mov     edi, pmm_blocks         ; EDI: the blocks, until one is in the way
        mov     dx, [pmm_count]
.block:
        or      dx, dx
        jz      .free
        push    ecx
        add     ecx, eax
        cmp     [di + block.base], ecx
        pop     ecx
        jae     .apart
        push    ecx
        mov     ecx, [di + block.base]
        add     ecx, [di + block.size]
        cmp     eax, ecx
        pop     ecx
        jae     .apart
        mov     edi, [di + block.base]  ; below it, then
        jmp     .place
.apart:
        add     di, block.bytes
        dec     dx
        jmp     .block
.free:
        inc     word [pmm_count]
        mov     [di + block.base], eax
        mov     [di + block.size], ecx
        mov     ebx, eax
        mov     eax, [bp + PMM_HANDLE]
        mov     [di + block.handle], eax
        ret
.largest:                               ; what lies below the lowest block, at least
        mov     ebx, edi
        mov     cx, [pmm_count]
        mov     di, pmm_blocks
        jcxz    .measured
.lowest:
        mov     eax, [di + block.base]
        cmp     eax, esi
        jb      .other
        cmp     eax, ebx
        jae     .other
        mov     ebx, eax
.other:
        add     di, block.bytes
        loop    .lowest
.measured:
        sub     ebx, esi
        shr     ebx, 4
        ret
.refuse:
        xor     ebx, ebx
        ret

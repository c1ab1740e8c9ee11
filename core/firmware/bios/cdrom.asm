cd_service:
emulated_disk:
emulation_control:
        mov     ah,1
        jmp     hd_return
cd_boot:
        stc
        ret

ahci_init:
ahci_transfer:
ahci_cd_transfer:
ahci_command:
        ret

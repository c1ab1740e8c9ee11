virtio_init:
virtio_transfer:
        ret

#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# The first process of a machine, in its initrd: the host's root, read-only, below an overlay on the machine's disk becomes the root;
# the folder that host and machine share is /mnt/share. Then guest/init.sh goes on.
/bin/busybox --install -s /bin

give_up() {
        echo "initrd: $*"
        poweroff -f
}

mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs dev /dev || give_up "no /proc, /sys, /dev"
for module in /modules/*; do
        insmod "$module" || echo "initrd: $module was not loaded"
done
options=trans=virtio,version=9p2000.L,msize=262144
mount -t 9p -o "ro,cache=loose,$options" host /host || give_up "no root of the host"
mount -t 9p -o "$options" share /share || give_up "no shared folder"
mount -t ext4 /dev/vda /disk || give_up "no disk"
mkdir -p /disk/upper /disk/work
mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work overlay /system || give_up "no overlay"
mkdir -p /system/mnt/share /system/mnt/disk
mount --move /share /system/mnt/share && mount --move /disk /system/mnt/disk || give_up "no /mnt"
for folder in proc sys dev; do
        mount --move "/$folder" "/system/$folder" || give_up "no /$folder"
done
exec switch_root /system /bin/bash /mnt/share/init.sh

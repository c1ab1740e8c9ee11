// What the command says about itself.

export const USAGE = `Usage: ringfence COMMAND [options]

run [options]             Boot a throw-away machine; its first serial port is stdin and stdout.
  --kernel FILE           Linux bzImage, Multiboot or PVH kernel, started without firmware (without kernel and drives: the demo guest)
  --initrd FILE           initial RAM disk
  --append TEXT           kernel command line
  --module "FILE ARGS"    Multiboot module, any number of times
  --cdrom FILE            ISO image in a CD drive; --disk FILE  raw disk image; --floppy FILE  diskette image. Each any number of times, with
                          ,if=ide or ,if=ahci or (disks) ,if=virtio  ,readonly  ,snapshot behind the name
  --snapshot              what the guest writes to its drives is forgotten (else it goes to the files)
  --boot DEVICES          floppy,cd,disk,network in the order to try, and menu for a boot menu (default floppy,cd,disk)
  --bios FILE             system BIOS image in place of the built-in firmware, e.g. SeaBIOS; --vgabios FILE  its video BIOS
  --memory MIB            memory (default 256)
  --cap PERCENT           most of one host core to use (default 100)
  --cpus 1                number of processors
  --engine interpreter    how guest code is run
  --nic nat               a network card behind a gateway with DHCP, DNS and NAT; --nic-model virtio|e1000|ne2000 (default virtio)
  --no-paravirtual        guests find no KVM interface (its clock and hints): full virtualization
  --serial stdio|none     where the first serial port goes (default stdio)
  --screenshot FILE.png   write the screen at the end, also at a timeout
  --screen-text           print the text screen at the end
  --stats                 print the engine's counters at the end, as JSON on standard error
  --timeout SECONDS       give up after so long
  --debug-exit PORT       a value V written to this port ends the run with status (V << 1) | 1
  --debugcon PORT         bytes written to this port go to stderr
  --lpt FILE              what the guest prints on its parallel port is appended to this file
  Steps, done in the order given:
  --expect TEXT           wait until TEXT has come on the serial port since the last match, or is on the text screen
  --wait SECONDS          wait
  --type KEYS             type on the keyboard (US layout): text, and <enter> <tab> <esc> <backspace> <space> <up> <down> <left>
                          <right> <home> <end> <pageup> <pagedown> <insert> <delete> <f1> ... <f12> <lt>, with modifiers in
                          front: <ctrl-c> <alt-f2> <ctrl-alt-delete>; \\n and \\t are enter and tab
  --send TEXT             send to the serial port; \\n, \\r, \\t, \\e and \\xHH are understood
  --off                   take the power away
  Status: 0 the guest powered itself off, 124 timeout, 125 triple fault (registers on stderr), 1 it could not start or go on,
  2 wrong usage, 130 interrupted.

vectors FILE...           Replay processor test vectors ("-" is stdin); failures one a line, then "N passed, N failed".

list                      The machines of the library.
create NAME               Make one: --memory --cap --kernel --initrd --append --module --cdrom --disk --floppy --bios --vgabios --boot as
                          above, --disk-size SIZE (e.g. 8G) for a new empty disk, --notes TEXT.
show MACHINE              Its configuration. MACHINE is an id or the start of one, a folder or a name.
start MACHINE             Run it here, with its first serial port on stdin and stdout; status as for run.
                          Works while the app is open, unless the app runs the same machine.
stop MACHINE              End one that another "start" runs.
delete MACHINE            Move it to the trash.
  --library DIR           where the machines are (for all of these)
  --json                  answer in JSON (for all of these)
  create and delete need the library for themselves: they are refused while the app has it open.

capture CARD FILE         As start, and what passes on the card goes to FILE as pcapng. CARD is MACHINE/nic0, or MACHINE for its first.
net show                  The network: switches, trunks, gateways, bridges and how they stand, and which cards are where.
net add-switch NAME; net add-trunk SWITCH SWITCH [--name NAME] [--allowed 10,20]
net add-gateway SWITCH VLAN NETWORK [--name NAME] [--nat] [--network6 NETWORK] [--domain NAME] [--forward tcp:2222:GUEST:22]
                          NETWORK is written as 10.0.10.0/24. A gateway gives addresses and names.
net allow GATEWAY GATEWAY [--protocol tcp] [--port 80]   lets what begins in the first one's network reach the second's
net add-bridge SWITCH VLAN INTERFACE [--name NAME] [--native VLAN]; net bridge NAME on|off
                          Joins a VLAN (or trunk:10,20) to the host's own network, on Linux, through a macvtap interface. An administrator
                          makes one like this, once (vmtap0 is its name, br0 a bridge of the host's, ada the user):
                            ip link add vmtap0-a type veth peer name vmtap0-b
                            ip link set vmtap0-a master br0 up; ip link set vmtap0-b up
                            ip link add link vmtap0-b name vmtap0 type macvtap mode passthru; ip link set vmtap0 up
                            chown ada /dev/tap$(cat /sys/class/net/vmtap0/ifindex)
                          A network card that the host can spare does in place of vmtap0-b, without the first two lines.
net remove NAME           A switch (with what is joined to it), a trunk, a gateway or a bridge.
link list                 Cards and trunks, and what they are joined to.
link add MACHINE [SWITCH VLAN] [--model virtio|e1000|ne2000]; link remove CARD
link connect CARD SWITCH VLAN    or trunk:10,20 or trunk:all for VLAN, with [--native VLAN]; link disconnect CARD
link unplug LINK; link plug LINK    the cable of a card or a trunk
fault set LINK FAULT=VALUE...    loss, duplication, reordering (shares, 0 to 1), delay, jitter (milliseconds), bandwidth (bits a second), cut
fault clear LINK; fault list
lab export [FILE]; lab import FILE    All machines and the network as a lab file; a lab file's machines and network added to the library.
  All with --library and --json. While the app has the library open, it alone changes the network.

lab run FILE              Boot the machines of a lab file, joined by its network, until all have powered off. The first serial port of each
                          goes to stdout, every line with "[NAME] " in front; a line "NAME: TEXT" on stdin goes to that machine.
                          "!link unplug NAME/nic0" on stdin, plug, connect and disconnect, and "!fault set NAME/nic0 loss=0.05"
                          change the running network.
                          The file is described by assets/lab.schema.json.
  --timeout SECONDS       give up after so long
  --capture DIR           write what passes on each network card into DIR as NAME.0.pcapng, NAME.1.pcapng, ...,
                          and at each gateway's port as NAME.gateway.pcapng, at each bridge's as NAME.bridge.pcapng
  --allow-bridge          join the lab's bridges to the host's network: its machines are in it then, with whatever they send
  --library DIR           where machines are that the file names by "vm"
  --json                  each line as {"machine", "line"}, and how it ended as the last
  Status: 0 all powered off, 124 timeout, 125 a triple fault, 1 a machine that could not start or go on, 2 wrong usage.

Generated code, and the program's own as compiled, is kept for later runs in the user's cache folder, or in the one that
RINGFENCE_CODE_CACHE names; "off" keeps none.
On a terminal Ctrl+] or Ctrl+A x takes the power away.
`;

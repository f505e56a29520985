import { PROFILE_NAMES } from "../engine-names.ts";
import { address, flag, label, oneOf, plain, whole } from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { LINK_SHAPE, ONE_DELAY } from "./link.ts";
import { MIDDLEBOX } from "./middlebox.ts";
import { list, optional, overriding, required, section } from "./section.ts";

const mtu = optional(whole(576, 65535), { otherwise: 1500, does: "Largest IP packet, octets." });
const backup = optional(flag, { otherwise: false, does: "Use it only when no other works. Only `mode: backup` of the protocol looks at this." });
const middleboxes = optional(list(MIDDLEBOX, 0), { otherwise: [], shown: "none", does: "What changes packets on the way: boxes at its second end." });
const up = (does: string) => optional(overriding(LINK_SHAPE), { otherwise: {}, shown: "as the whole", does });

/** A path of the shorthand: a link between a client and a server. */
export const PATH = section({
  name: "paths",
  does: "A client and a server with several paths between them. The client has an interface for each path, named like it; the paths end at one router, behind which the server has one address for all.",
  keys: {
    name: required(label, "For changes, the report and `--set`."),
    ...LINK_SHAPE.keys,
    client: optional(address, { otherwise: null, shown: "made up", does: "The client's address on this path." }),
    server: optional(address, {
      otherwise: null, shown: "the one for all", does: "An address of the server for this path alone, on an interface of its own. It is announced to the client (ADD_ADDR).",
    }),
    mtu,
    middleboxes,
    backup,
    nat: optional(flag, { otherwise: false, does: "Put a network address translator in front of the client. In IPv4 only." }),
    present: optional(flag, { otherwise: true, does: "Whether the client has its address from the start; a change may add it later." }),
    up: up("Client to server, where it differs."),
    down: up("Server to client, where it differs."),
  },
  includes: LINK_SHAPE,
  rules: ONE_DELAY,
  example: `
paths:
  - { name: wifi, rate: 8 Mb/s, rtt: 20 ms, nat: true }
  - { name: lte, rate: 20 Mb/s, rtt: 60 ms, backup: true, up: { rate: 5 Mb/s } }`,
});

/** An interface of a host. */
export const INTERFACE = section({
  name: "interfaces",
  does: "Interfaces of a host. Each is the end of exactly one link.",
  keys: {
    name: required(label, "Links and changes call it \"host.interface\"."),
    address: optional(address, { otherwise: null, shown: "made up", does: "Its address." }),
    backup,
    signal: optional(flag, {
      otherwise: false, does: "Have the address announced (ADD_ADDR) by a path manager that asks for this, as Linux's does and a module may bring. All modes of the protocol announce all.",
    }),
    present: optional(flag, { otherwise: true, does: "Whether the host has the address from the start; a change may add it later." }),
  },
  example: `
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan, address: 10.1.0.2 }, { name: wwan, backup: true }] }
    - { name: web, interfaces: [{ name: eth0 }, { name: eth1, signal: true }] }
  routers: [{ name: isp }]
  links:
    - { name: wlan, ends: [phone.wlan, isp] }
    - { name: lte, ends: [phone.wwan, isp] }
    - { name: eth0, ends: [isp, web.eth0] }
    - { name: eth1, ends: [isp, web.eth1] }`,
});

/** A host of a topology. */
export const HOST = section({
  name: "hosts",
  does: "The machines at the ends. The first one connects to the second, unless the workload says otherwise.",
  keys: {
    name: required(label, "Its name, different from all other hosts and routers."),
    interfaces: required(list(INTERFACE, 1), "What links it."),
    profile: optional(oneOf(...PROFILE_NAMES), { otherwise: null, shown: "as `protocol` says", does: "Whose choices this host makes where the RFCs leave one." }),
  },
  example: `
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }] }
    - { name: web, interfaces: [{ name: eth }] }
  links: [{ name: cable, ends: [phone.wlan, web.eth], rate: 1 Gb/s }]`,
});

/** A router of a topology. */
export const ROUTER = section({
  name: "routers",
  does: "What connects links in the middle.",
  keys: {
    name: required(label, "Its name, different from all other hosts and routers."),
    nat: optional(flag, { otherwise: false, does: "Translate the addresses of what is behind it: the first link that has it as its second end." }),
  },
  example: `
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }] }
    - { name: web, interfaces: [{ name: eth }] }
  routers: [{ name: home, nat: true }]
  links:
    - { name: wlan, ends: [phone.wlan, home], rate: 50 Mb/s, delay: 1 ms }
    - { name: dsl, ends: [home, web.eth], rate: 8 Mb/s, delay: 10 ms, up: { rate: 1 Mb/s } }`,
});

const ends: Kind<readonly [string, string], readonly [string, string]> = {
  ...plain<readonly [string, string]>("list of two names"),
  schema: { type: "array", items: { type: "string", pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)?$" }, minItems: 2, maxItems: 2 },
  bounds: "\"host.interface\", or a router's name",
};

/** A link of a topology. */
export const LINK = section({
  name: "links",
  does: "What connects hosts and routers. Packets take the shortest ways.",
  keys: {
    name: required(label, "For changes, the report and `--set`."),
    ends: required(ends, "What it connects. \"up\" is from the first to the second."),
    ...LINK_SHAPE.keys,
    mtu,
    middleboxes,
    up: up("From the first end to the second, where it differs."),
    down: up("From the second end to the first, where it differs."),
  },
  includes: LINK_SHAPE,
  rules: ONE_DELAY,
  example: `
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }] }
    - { name: web, interfaces: [{ name: eth }] }
  links: [{ name: cable, ends: [phone.wlan, web.eth], rate: 1 Gb/s, mtu: 9000, down: { loss: 1 % } }]`,
});

/** Any network. */
export const TOPOLOGY = section({
  name: "topology",
  does: "Any network of hosts, routers and links.",
  keys: {
    hosts: required(list(HOST, 2), "The machines at the ends."),
    routers: optional(list(ROUTER, 0), { otherwise: [], shown: "none", does: "What connects links in the middle." }),
    links: required(list(LINK, 1), "What connects them."),
  },
  example: `
topology:
  hosts:
    - { name: phone, interfaces: [{ name: wlan }, { name: wwan }] }
    - { name: web, interfaces: [{ name: eth }] }
  routers: [{ name: isp }]
  links:
    - { name: wlan, ends: [phone.wlan, isp], rate: 8 Mb/s, rtt: 20 ms }
    - { name: lte, ends: [phone.wwan, isp], rate: 20 Mb/s, rtt: 60 ms }
    - { name: eth, ends: [isp, web.eth], rate: 1 Gb/s }`,
});

import { describe, expect, it } from "vitest";
import { CaptureReader, dissectFrame, ipOffset, LINK_TYPE, linkTypeName, PacketReader } from "../../src/capture/index.ts";
import { fromHex } from "../wire/arbitraries.ts";
import { fileOf, joined, LINK_LAYERS, segmentOctets, TUNNELS, within } from "./frames.ts";

const MACS = "020000000002 020000000001";

describe("a packet is found behind", () => {
  it.each(LINK_LAYERS)("%s", (_, linkType, header, family) => {
    const link = fromHex(header);
    const packet = segmentOctets(family);
    const { packets, unread } = dissectFrame(linkType, joined(link, packet));
    expect([packets.length, unread]).toEqual([1, null]);
    expect(packets[0]!.packet.tcp?.mptcp.map((option) => option.kind)).toEqual(["dss"]);
    expect(packets[0]).toMatchObject({ missing: 0, payloadLength: 40, checksum: true, ipChecksum: family === 4 ? true : null });
    expect(ipOffset(linkType, joined(link, packet))).toBe(link.length);
    // A frame that ends before its packet has none, whatever is there.
    for (let length = 0; length < link.length; length++) {
      expect(dissectFrame(linkType, link.subarray(0, length)).packets).toEqual([]);
    }
  });
});

describe("a packet is found within", () => {
  it.each(TUNNELS)("%s", (_, octets, depth) => {
    const { packets, unread } = dissectFrame(LINK_TYPE.raw, octets);
    expect([packets.length, unread]).toEqual([depth, null]);
    expect(packets.at(-1)).toMatchObject({ missing: 0, payloadLength: 40, checksum: true });
    expect(packets.at(-1)!.packet.tcp!.destinationPort).toBe(50_002);
    // However little is there, the outer packet stays, and nothing is said of the inner one that is not there.
    for (let length = 40; length < octets.length; length++) {
      const cut = dissectFrame(LINK_TYPE.raw, octets.subarray(0, length), octets.length);
      expect(cut.packets[0]!.missing).toBe(octets.length - length);
      for (const one of cut.packets) expect([one.checksum, one.packet.length]).toEqual([null, one.missing + length - (octets.length - one.packet.length)]);
    }
  });

  it("nine packets, but no more than eight", () => {
    let octets = segmentOctets(4);
    for (let i = 0; i < 8; i++) octets = within(4, 4, "", octets);
    expect(dissectFrame(LINK_TYPE.raw, octets)).toMatchObject({ packets: { length: 8 }, unread: "more than 8 packets within each other" });
  });

  it("no packet whose length goes beyond the outer one's", () => {
    const octets = joined(within(4, 4, "", segmentOctets(4).subarray(0, 60)), new Uint8Array(60));
    const { packets } = dissectFrame(LINK_TYPE.raw, octets);
    expect(packets.map((one) => one.missing)).toEqual([0, 60]);
  });
});

describe("what is no packet is named", () => {
  it.each([
    ["an unknown link type", 147, "45", "link type 147"],
    ["a link type that has a name", 220, "45", "link type 220 (USB_LINUX_MMAPPED)"],
    ["ARP", LINK_TYPE.ethernet, `${MACS} 0806 0001`, "EtherType 0x0806"],
    ["a spanning tree", LINK_TYPE.ethernet, `${MACS} 0026 4242 03 0000`, "LLC 0x4242"],
    ["a vendor's SNAP", LINK_TYPE.ethernet, `${MACS} 0026 aaaa 03 00000c 2000`, "SNAP organisation 0x00000c"],
    ["nothing behind a tag", LINK_TYPE.ethernet, `${MACS} 8100`, "cut before its packet"],
    ["tags without end", LINK_TYPE.ethernet, `${MACS} ${"8100 0001".repeat(20)}`, "more than 8 tags"],
    ["labels without end", LINK_TYPE.ethernet, `${MACS} 8847 ${"00064040".repeat(20)}`, "more than 8 tags"],
    ["Ethernet over MPLS", LINK_TYPE.ethernet, `${MACS} 8847 00065140 0200`, "MPLS without IP"],
    ["PPP's link control", LINK_TYPE.ppp, "ff03 c021 01", "PPP protocol 0xc021"],
    ["PPP, compressed", LINK_TYPE.ppp, "00fd 01", "PPP protocol 0x00fd"],
    ["PPPoE's discovery", LINK_TYPE.pppoe, "1109 0000 0000 0101", "PPPoE discovery"],
    ["another family", LINK_TYPE.null, "07000000", "address family 7"],
    ["a beacon", LINK_TYPE.ieee80211, `8000 0000 ${"00".repeat(20)}`, "802.11 without data"],
    ["a data frame without data", LINK_TYPE.ieee80211, `4801 0000 ${"00".repeat(20)}`, "802.11 without data"],
    ["encrypted data", LINK_TYPE.ieee80211, `0841 0000 ${"00".repeat(20)}`, "802.11, encrypted"],
    ["a piece of a frame", LINK_TYPE.ieee80211, `0801 0000 ${"00".repeat(18)} 0100`, "802.11, a fragment"],
    ["several frames in one", LINK_TYPE.ieee80211, `8801 0000 ${"00".repeat(20)} 8000`, "802.11, several frames in one"],
    ["a link type within PPI", LINK_TYPE.ppi, "0000 0800 93000000 45", "link type 147"],
    ["PPI within PPI", LINK_TYPE.ppi, "0000 0000 c0000000", "PPI within PPI"],
    ["a log without the packet", LINK_TYPE.nflog, "02 00 0001 0800 0100 00000300", "NFLOG without a packet"],
    ["another version of IP", LINK_TYPE.raw, "55", "bad_version"],
    ["less than an IP header", LINK_TYPE.raw, "4500", "truncated"],
    ["nothing", LINK_TYPE.raw, "", "cut before its packet"],
    ["a link layer's header alone", LINK_TYPE.ethernet, `${MACS} 0800`, "cut before its packet"],
  ])("%s", (_, linkType, octets, unread) => {
    const frame = fromHex(octets);
    expect(dissectFrame(linkType, frame)).toEqual({ packets: [], unread });
    // ipOffset() does not look at the packet.
    if (linkType !== LINK_TYPE.raw && !octets.endsWith("0800")) expect(ipOffset(linkType, frame)).toBe(-1);
  });

  it("within a tunnel, beside the packet that is read", () => {
    const arp = within(4, 17, `c000 12b5 0026 0000 08000000 00000100 ${MACS} 0806`, new Uint8Array(8));
    expect(dissectFrame(LINK_TYPE.raw, arp)).toMatchObject({ packets: { length: 1 }, unread: "EtherType 0x0806" });
    expect(dissectFrame(LINK_TYPE.raw, within(4, 47, "0000 88be", new Uint8Array(20)))).toMatchObject({ packets: { length: 1 }, unread: "EtherType 0x88be" });
    expect(dissectFrame(LINK_TYPE.raw, within(4, 47, "4000 0800", new Uint8Array(20)))).toMatchObject({ packets: { length: 1 }, unread: "GRE, version 0" });
  });

  it("and counted", () => {
    const tcp = segmentOctets(4);
    const frame = (linkType: number, bytes: Uint8Array): { name: string; linkType: number; bytes: Uint8Array } => ({ name: "", linkType, bytes });
    const arp = frame(1, fromHex(`${MACS} 0806 0001`));
    const reader = new PacketReader(new CaptureReader(fileOf([frame(101, tcp), arp, frame(147, tcp), arp, frame(101, tcp)])));
    const found = [...reader].map(({ packets, unread }) => packets.length === 0 ? unread : packets[0]!.packet.length);
    expect(found).toEqual([120, "EtherType 0x0806", "link type 147", "EtherType 0x0806", 120]);
    expect(reader.frames).toBe(5);
    expect([...reader.unread]).toEqual([["EtherType 0x0806", 2], ["link type 147", 1]]);
  });

  it("in bounded memory", () => {
    const frames = Array.from({ length: 1500 }, (_, i) => ({ name: "", linkType: 10_000 + i, bytes: new Uint8Array(1) }));
    const reader = new PacketReader(new CaptureReader(fileOf(frames)));
    expect([...reader].length).toBe(1500);
    expect([reader.unread.size, reader.unread.get("others")]).toEqual([1001, 500]);
  });
});

it("link types have the names of the registry", () => {
  expect([linkTypeName(1), linkTypeName(276), linkTypeName(147)]).toEqual(["ETHERNET", "LINUX_SLL2", null]);
  for (const linkType of Object.values(LINK_TYPE)) expect(linkTypeName(linkType)).not.toBeNull();
});

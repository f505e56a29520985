import { expect, test } from "vitest";
import { planned } from "../run/running.ts";

const script = (...options: readonly string[]): string => `${options.join("\n")}\n0 close(3) = 0`;

test("without options there are packetdrill's addresses, ports and tolerance", () => {
  const { settings, wiring } = planned(script());
  expect([settings.local, settings.remote, settings.gateway].map(String)).toEqual(["192.168.0.1", "192.0.2.1", "192.168.0.1"]);
  expect([settings.bindPort, settings.connectPort, settings.mtu, settings.tolerance]).toEqual([8080, 8080, 1500, 4_000_000]);
  expect(wiring).toEqual({ local: ["192.168.0.1/16"], remote: ["192.0.2.0/24"], mtu: 1500, segmentation: true });
});

test("options of a script are settings, and so is the wiring that follows from them", () => {
  const { settings, wiring } = planned(script("--ip_version=ipv6", "--local_ip=fd::1", "--remote_ip=fd:1::3", "--mtu=1520", "--strict_segments", "--tolerance_usecs=7", "--tolerance_percent=3", "--bind_port=80", "--connect_port=81", "--tcp_ts_tick_usecs=1000", "--non_fatal=packet,syscall", "--dry_run"));
  expect(settings).toMatchObject({ tolerance: 7000, tolerancePercent: 3, bindPort: 80, connectPort: 81, timestampTick: 1000, nonFatal: ["packet", "syscall"], dryRun: true, strictSegments: true });
  expect(wiring).toEqual({ local: ["fd::1/64"], remote: ["fd:1::/64"], mtu: 1520, segmentation: false });
});

test("what a caller gives counts more than what stands in the script", () => {
  expect(planned(script("--mtu=1280"), { options: [{ name: "mtu", value: "9000" }] }).settings.mtu).toBe(9000);
});

test("addresses of the script's end that it names itself are routed to it", () => {
  const text = '0 connect(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("198.51.100.7")}, ...) = 0';
  expect(planned(text).wiring.remote).toEqual(["192.0.2.0/24", "198.51.100.7/32"]);
});

test("names of addresses count from that of the end that has them first", () => {
  const { steps } = planned("0 < addr[caddr0] > addr[saddr0] S 0:0(0)\n+0 < addr[caddr1] > addr[saddr0] S 0:0(0)\n+0 > addr[saddr1] > addr[caddr1] S. 0:0(0) ack 1");
  expect(steps.map((one) => (one.kind === "packet" ? [String(one.source), String(one.destination)] : []))).toEqual([
    ["192.0.2.1", "192.168.0.1"],
    ["192.0.2.2", "192.168.0.1"],
    ["192.168.0.2", "192.0.2.2"],
  ]);
});

import { describe, expect, test } from "bun:test";
import { tokenServer } from "../../../src/image/auth.ts";

const quay = new URL("https://quay.example/");
const local = new URL("http://127.0.0.1:5000/");

describe("tokenServer()", () => {
  test("takes a server with TLS, the registry's own host, and loopback beside a loopback registry", () => {
    expect(tokenServer("https://auth.example/token?a=b", quay).href).toBe("https://auth.example/token?a=b");
    expect(tokenServer("/v2/token", quay).href).toBe("https://quay.example/v2/token");
    expect(tokenServer("https://10.0.0.5/token", new URL("https://10.0.0.5/")).host).toBe("10.0.0.5");
    expect(tokenServer("http://127.0.0.1:5001/token", local).port).toBe("5001");
    expect(tokenServer("https://auth.example/token", local).host).toBe("auth.example");
  });

  test("refuses to speak without TLS", () => {
    expect(() => tokenServer("http://auth.example/token", quay)).toThrow("has no TLS");
    expect(() => tokenServer("http://quay.example/token", quay)).toThrow("has no TLS");
    expect(() => tokenServer("http://auth.example/token", local)).toThrow("has no TLS");
  });

  test("refuses addresses inside of our network", () => {
    for (const host of [
      "169.254.169.254",
      "127.0.0.1",
      "localhost",
      "10.1.2.3",
      "192.168.0.1",
      "172.20.0.1",
      "100.64.0.1",
      "0.0.0.0",
      "2852039166",
      "0x7f.1",
      "[::1]",
      "[fe80::1]",
      "[fd00::1]",
      "[::ffff:169.254.169.254]",
    ]) {
      expect(() => tokenServer(`https://${host}/token`, quay)).toThrow("internal address");
    }
    for (const host of ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2001:db8::1]"]) {
      expect(tokenServer(`https://${host}/token`, quay).host).toBe(host);
    }
  });

  test("refuses what is no web address", () => {
    for (const realm of ["file:///etc/passwd", "ftp://a/b", "https://", "data:,x"]) {
      expect(() => tokenServer(realm, quay)).toThrow(/no web address/);
    }
  });
});

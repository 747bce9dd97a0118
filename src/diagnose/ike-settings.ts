/** How proposals and identities are written in the settings of strongSwan and libreswan. */

/** By the words of a proposal: strongSwan (swanctl.conf), libreswan (ipsec.conf). */
const WORDS = new Map<string, readonly [string, string]>([
  ['AES_CBC_128', ['aes128', 'aes128']],
  ['AES_CBC_192', ['aes192', 'aes192']],
  ['AES_CBC_256', ['aes256', 'aes256']],
  ['3DES_CBC', ['3des', '3des']],
  ['AES_GCM_16_128', ['aes128gcm16', 'aes_gcm128']],
  ['AES_GCM_16_256', ['aes256gcm16', 'aes_gcm256']],
  ['CHACHA20_POLY1305', ['chacha20poly1305', 'chacha20_poly1305']],
  ['HMAC_SHA1_96', ['sha1', 'sha1']],
  ['HMAC_SHA2_256_128', ['sha256', 'sha2_256']],
  ['HMAC_SHA2_384_192', ['sha384', 'sha2_384']],
  ['HMAC_SHA2_512_256', ['sha512', 'sha2_512']],
  ['SHA1', ['sha1', 'sha1']],
  ['SHA2_256', ['sha256', 'sha2_256']],
  ['SHA2_384', ['sha384', 'sha2_384']],
  ['SHA2_512', ['sha512', 'sha2_512']],
  ['PRF_HMAC_SHA1', ['prfsha1', 'sha1']],
  ['PRF_HMAC_SHA2_256', ['prfsha256', 'sha2_256']],
  ['PRF_HMAC_SHA2_384', ['prfsha384', 'sha2_384']],
  ['PRF_HMAC_SHA2_512', ['prfsha512', 'sha2_512']],
  ['MODP_1024', ['modp1024', 'dh2']],
  ['MODP_1536', ['modp1536', 'dh5']],
  ['MODP_2048', ['modp2048', 'dh14']],
  ['MODP_3072', ['modp3072', 'dh15']],
  ['MODP_4096', ['modp4096', 'dh16']],
  ['MODP_8192', ['modp8192', 'dh18']],
  ['ECP_256', ['ecp256', 'dh19']],
  ['ECP_384', ['ecp384', 'dh20']],
  ['ECP_521', ['ecp521', 'dh21']],
  ['CURVE_25519', ['x25519', 'dh31']],
]);

/** What stands for the authentication of version 1: no part of the settings of a proposal. */
const IS_METHOD = /^(PSK|RSA|DSS|XAUTH|HYBRID|AUTH)/;
const IS_PRF = /^PRF_/;
const IS_CHECK = /^(HMAC|AES_XCBC|AES_CMAC)_/;

/** The settings that say this one proposal; undefined where one of its words is not known. */
export function proposalSettings(proposal: string): { strongswan: string; libreswan: string } | undefined {
  const parts = proposal.split('/').filter((each) => !IS_METHOD.test(each));
  // The prf of an offer with a checksum is that of the checksum, where nothing else is said.
  const hasCheck = parts.some((each) => IS_CHECK.test(each));
  const said = parts.filter((each) => !(hasCheck && IS_PRF.test(each)));
  const words = said.map((each) => WORDS.get(each));
  if (said.length === 0 || words.some((each) => each === undefined)) return undefined;
  return { strongswan: words.map((each) => each?.[0]).join('-'), libreswan: words.map((each) => each?.[1]).join('-') };
}

import { type Namespace, until } from './netns.ts';

/**
 * Starts wireguard-go with a device in a namespace, and waits until `wg` can be asked there.
 *
 * `wg` deletes a control socket that nobody listens at (wireguard-tools, `userspace_interface_file`), and wireguard-go ends
 * where that befalls it between bind and listen. So nobody asks before it says that it listens, and the folder of the
 * sockets, which namespaces of the network share, is the namespace's own: `wg show all` of other tests does not see it.
 * @throws where it ends before, with what it said
 */
export async function startWireguard(node: Namespace, device: string): Promise<void> {
  node.ownFolder('/run/wireguard');
  const child = node.spawn('wireguard-go', ['-f', device], { WG_PROCESS_FOREGROUND: '1', LOG_LEVEL: 'verbose' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      said += text.toString();
    });
  await until('wireguard-go listens', () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`wireguard-go ended: ${said}`);
    return said.includes('UAPI listener started');
  });
}

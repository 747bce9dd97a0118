import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where helpers are beside the user's PATH, which on some systems has no folder of the administrator's. */
const MORE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export interface Program {
  path: string;
  /** Whether this user may run it. */
  isAllowed: boolean;
}

/** The first program of this name that may be run, else the first that is there, else null. Links are followed: rights belong to the file. */
export function findProgram(name: string): Program | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS].filter((folder) => folder !== '');
  const files = folders.map((folder) => join(folder, name)).filter(isFile);
  const allowed = files.find(isExecutable);
  const path = allowed ?? files[0];
  return path === undefined ? null : { path: realpathSync(path), isAllowed: allowed !== undefined };
}

/** The group of a file that may run it where not everybody may: on Debian dumpcap belongs to `wireshark`. Null where there is none. */
export function groupOf(path: string): string | null {
  const { gid, mode } = statSync(path);
  if ((mode & constants.S_IXGRP) === 0) return null;
  const line = lines('/etc/group').find((each) => each.split(':')[2] === String(gid));
  return line?.split(':')[0] ?? null;
}

/** Who runs this process. */
export function user(): { name: string; isRoot: boolean } {
  const isRoot = process.getuid?.() === 0;
  try {
    return { name: userInfo().username, isRoot };
  } catch {
    // A container's user need not be in /etc/passwd.
    return { name: String(process.getuid?.() ?? ''), isRoot };
  }
}

/** Whether this process and its children can gain no rights, those of files included: systemd's `NoNewPrivileges=`, containers. */
export const gainsNoRights = (): boolean => lines('/proc/self/status').some((line) => /^NoNewPrivs:\s*1$/.test(line));

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // Not there, or in a folder that is another user's.
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

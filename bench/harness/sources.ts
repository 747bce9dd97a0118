import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the build's code is from: the build puts many sources into few files, and leaves a map beside each (scripts/build.js). */
export class Sources {
  private readonly project: string;
  private readonly maps = new Map<string, SourceMap | undefined>();

  constructor(project: string) {
    this.project = project;
  }

  /** The source of a place in a file of the build, as `src/track/udp.ts`; undefined where there is no map. Lines and columns count from 0. */
  at(url: string, line: number, column: number): string | undefined {
    if (!url.startsWith('file:')) return undefined;
    const file = fileURLToPath(url);
    const entry = this.mapOf(file)?.findEntry(line, column);
    if (!entry || !('originalSource' in entry)) return undefined;
    return relative(this.project, resolve(dirname(file), entry.originalSource));
  }

  private mapOf(file: string): SourceMap | undefined {
    if (!this.maps.has(file)) {
      const path = `${file}.map`;
      const isBuilt = file.startsWith(join(this.project, 'dist')) && existsSync(path);
      this.maps.set(file, isBuilt ? new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload) : undefined);
    }
    return this.maps.get(file);
  }
}

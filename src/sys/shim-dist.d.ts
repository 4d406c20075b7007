/** The shim that build.ts compiles, imported as a file: the module's value is its path. */
declare module "*/dist/shim" {
  const path: string;
  // biome-ignore lint/style/noDefaultExport: an import of a file has no other form
  export default path;
}

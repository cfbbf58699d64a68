/** Takes from a text of TypeScript's where the kernel keeps earlier cells: a reader knows only their names. */
export function readable(text: string): string {
  return text.replace(/(typeof )?import\("[^"]*__tw_cell_?\d*"\)\.?/g, "");
}

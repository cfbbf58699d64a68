// CodeMirror as JupyterLab sets it up. Languages are loaded when a cell needs them.
import { EditorView } from "@codemirror/view";
import type { YFile } from "@jupyter/ydoc";
import {
  CodeMirrorEditorFactory,
  CodeMirrorMimeTypeService,
  EditorExtensionRegistry,
  EditorLanguageRegistry,
  EditorThemeRegistry,
  ybinding,
} from "@jupyterlab/codemirror";

/** What cells are edited with. */
export interface Editors {
  factory: CodeMirrorEditorFactory;
  languages: EditorLanguageRegistry;
  mimeTypes: CodeMirrorMimeTypeService;
}

/** Sets the editors up. */
export function createEditors(): Editors {
  const languages = new EditorLanguageRegistry();
  for (const language of EditorLanguageRegistry.getDefaultLanguages()) {
    // What older notebooks and other kernels call it.
    const alias = ["ts", "text/typescript", "text/x-typescript"];
    languages.addLanguage(language.name === "TypeScript" ? { ...language, alias } : language);
  }
  languages.addLanguage({
    name: "ipythongfm",
    mime: "text/x-ipythongfm",
    load: async () => {
      const { markdown, markdownLanguage } = await import("@codemirror/lang-markdown");
      return markdown({ base: markdownLanguage });
    },
  });
  const themes = new EditorThemeRegistry();
  for (const theme of EditorThemeRegistry.getDefaultThemes()) themes.addTheme(theme);
  const extensions = new EditorExtensionRegistry();
  for (const extension of EditorExtensionRegistry.getDefaultExtensions({ themes }))
    extensions.addExtension(extension);
  extensions.addExtension({
    name: "shared-model-binding",
    factory: ({ model }) => {
      const { ysource, undoManager } = model.sharedModel as YFile;
      const binding = ybinding({ ytext: ysource, undoManager: undoManager ?? undefined });
      return EditorExtensionRegistry.createImmutableExtension(binding);
    },
  });
  extensions.addExtension({
    name: "label",
    factory: ({ model }) => {
      const label = model.mimeType.includes("gfm") ? "Text of this cell" : "Code of this cell";
      return EditorExtensionRegistry.createImmutableExtension(
        EditorView.contentAttributes.of({ "aria-label": label }),
      );
    },
  });
  return {
    factory: new CodeMirrorEditorFactory({ extensions, languages }),
    languages,
    mimeTypes: new CodeMirrorMimeTypeService(languages),
  };
}

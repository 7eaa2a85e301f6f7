// Builds everything into one file, page.html: script and style inline, and a policy that lets nothing else run or load.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { defineConfig } from 'vite';

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function onePage() {
  return {
    name: 'one-page',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const named = (ending) => Object.values(bundle).filter((part) => part.fileName.endsWith(ending));
      // A closing tag within the script would end it in the middle.
      const script = named('.js').map((part) => part.code).join('').trim().replaceAll('</', '<\\/');
      const style = named('.css').map((part) => part.source).join('').trim();
      const policy =
        `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; ` +
        "base-uri 'none'; form-action 'none'";
      const page = readFileSync('index.html', 'utf8')
        .replace('<meta name="viewport"', () => `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<meta name="viewport"`)
        .replace('</head>', () => `<style>${style}</style>\n</head>`)
        .replace(/<script type="module"[^>]*><\/script>/, () => `<script>${script}</script>`);
      writeFileSync(process.env.PGASSAY_PAGE ?? 'page.html', page);
      for (const name of Object.keys(bundle)) delete bundle[name];
    },
  };
}

export default defineConfig({
  plugins: [onePage()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'node_modules/.build',
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: { output: { format: 'iife' } },
  },
});

// What the page can do beyond being read: the theme, copying, and the values of the figures.
// Everything is there without it.
(() => {
  'use strict';
  const root = document.documentElement;

  // The theme: as the system has it, until the button says otherwise. A page from disk may have no
  // storage; then it is kept as long as the page is open.
  const stored = (value) => {
    try {
      if (value !== undefined) localStorage.setItem('tw-bench-theme', value);
      return localStorage.getItem('tw-bench-theme');
    } catch {
      return null;
    }
  };
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const button = document.querySelector('.theme');
  const label = () => { button.textContent = isDark() ? 'Light' : 'Dark'; };
  const before = stored();
  if (before === 'dark' || before === 'light') root.dataset.theme = before;
  button.hidden = false;
  label();
  system.addEventListener('change', label);
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    stored(root.dataset.theme);
    label();
  });

  // Copying a command. The clipboard is closed to some pages; then the text is selected instead.
  for (const copy of document.querySelectorAll('.copy')) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      const code = copy.previousElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(code);
        copy.textContent = 'Selected';
      }
    });
  }

  // On paper everything is open.
  const folded = () => document.querySelectorAll('details:not([open])');
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = [...folded()];
    for (const one of opened) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of opened) one.open = false;
  });

  // The values of a figure: under the pointer, or from the keyboard by the arrows.
  const tooltip = document.querySelector('.tooltip');
  let shown = null;
  const hide = () => {
    shown?.classList.remove('at');
    shown = null;
    tooltip.hidden = true;
  };
  const show = (target) => {
    if (shown === target) return;
    hide();
    shown = target;
    target.classList.add('at');
    tooltip.textContent = target.dataset.tip;
    tooltip.hidden = false;
    const box = target.getBoundingClientRect();
    const own = tooltip.getBoundingClientRect();
    const middle = box.left + box.width / 2 - own.width / 2;
    const above = box.top - own.height - 8;
    tooltip.style.left = `${Math.max(4, Math.min(middle, root.clientWidth - own.width - 4))}px`;
    tooltip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
  };
  const tipOf = (event) => event.target.closest?.('[data-tip]');
  for (const figure of document.querySelectorAll('.picture .scroll')) {
    const tips = [...figure.querySelectorAll('[data-tip]')];
    // A title of SVG would stand beside ours; it is for those without JavaScript.
    for (const tip of tips) tip.querySelector('title')?.remove();
    figure.addEventListener('pointerover', (event) => {
      const target = tipOf(event);
      if (target) show(target); else hide();
    });
    // A finger leaves as soon as it is lifted: what it has touched stays until the next touch.
    figure.addEventListener('pointerleave', (event) => {
      if (event.pointerType !== 'touch') hide();
    });
    figure.addEventListener('scroll', hide);
    figure.addEventListener('blur', hide);
    figure.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') hide();
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step || !tips.length) return;
      event.preventDefault();
      const now = tips.indexOf(shown);
      const next = now < 0 ? (step > 0 ? 0 : tips.length - 1) : now + step;
      const target = tips[(next + tips.length) % tips.length];
      target.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
      requestAnimationFrame(() => show(target));
    });
  }
  addEventListener('scroll', hide, { passive: true });
  addEventListener('pointerdown', (event) => {
    if (shown && tipOf(event) !== shown) hide();
  });
})();

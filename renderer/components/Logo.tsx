// The mark: a fence inside a ring, its middle post the guest. The same drawing is assets/brand/logo.svg.
export function Logo({ size }: { size: number }) {
  return (
    <svg className="rf-logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <circle cx="32" cy="32" r="28" fill="none" stroke="currentColor" strokeWidth="5" />
      <path d="M9 31h46v5H9z" fill="currentColor" />
      <path d="M15 46V24l4.5-5 4.5 5v22zM40 46V24l4.5-5 4.5 5v22z" fill="currentColor" />
      <path className="rf-logo-core" d="M27 51V20l5-6 5 6v31z" />
    </svg>
  );
}

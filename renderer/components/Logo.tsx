// The mark: a guest inside a ring of fence posts. The same drawing is assets/brand/logo.svg.
const POSTS = Array.from({ length: 9 }, (_, i) => i * 40);

export function Logo({ size }: { size: number }) {
  return (
    <svg className="rf-logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <circle cx="32" cy="32" r="23.5" fill="none" stroke="currentColor" strokeWidth="3" />
      {POSTS.map((angle) => (
        <path key={angle} d="M27 17V7l5-5 5 5v10z" fill="currentColor" transform={`rotate(${angle} 32 32)`} />
      ))}
      <rect className="rf-logo-core" x="24" y="24" width="16" height="16" rx="4" />
    </svg>
  );
}

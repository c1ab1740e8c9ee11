// Mantine's theme: a dense desktop look, one blue of our own, controls small by default.
import {
  ActionIcon,
  Button,
  createTheme,
  Menu,
  Modal,
  NumberInput,
  SegmentedControl,
  Select,
  Slider,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";

export const theme = createTheme({
  fontFamily: 'system-ui, "Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans CJK KR", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "DejaVu Sans Mono", Consolas, Menlo, monospace',
  primaryColor: "fence",
  primaryShade: { light: 7, dark: 7 },
  colors: {
    // Surfaces of the dark theme, in the hue of styles/tokens.css.
    dark: ["#c9d1db", "#b3bdc9", "#8b98a8", "#5d6a7a", "#36414f", "#2b3441", "#202731", "#191f27", "#12161c", "#0d1116"],
    fence: ["#eaf2ff", "#d3e2fb", "#a6c4f4", "#76a4ee", "#4f89e8", "#3878e5", "#2b6fe4", "#1e5ecb", "#1553b6", "#0047a1"],
  },
  defaultRadius: "sm",
  cursorType: "default",
  respectReducedMotion: true,
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  headings: { fontWeight: "600" },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle", color: "gray", size: "md" } }),
    Button: Button.extend({ defaultProps: { size: "xs", variant: "default" } }),
    Menu: Menu.extend({ defaultProps: { shadow: "md", withInitialFocusPlaceholder: false, transitionProps: { duration: 80 } } }),
    Modal: Modal.extend({ defaultProps: { centered: false, transitionProps: { duration: 100 }, yOffset: "8dvh", padding: "lg" } }),
    NumberInput: NumberInput.extend({ defaultProps: { size: "xs" } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: "xs" } }),
    Select: Select.extend({ defaultProps: { size: "xs", allowDeselect: false, checkIconPosition: "right" } }),
    Slider: Slider.extend({ defaultProps: { size: "sm", label: null } }),
    Textarea: Textarea.extend({ defaultProps: { size: "xs" } }),
    TextInput: TextInput.extend({ defaultProps: { size: "xs" } }),
    Tooltip: Tooltip.extend({
      defaultProps: {
        openDelay: 350,
        withArrow: true,
        events: { hover: true, focus: true, touch: false },
        transitionProps: { duration: 80 },
        multiline: true,
        maw: 320,
      },
    }),
  },
});

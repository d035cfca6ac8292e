// The one library of the page, which a classic script puts into the global scope.
import uPlotClass from "uplot";

declare global {
  const uPlot: typeof uPlotClass;
}

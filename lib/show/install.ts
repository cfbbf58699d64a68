/**
 * Puts the displays onto what readers meet: programs, schedules, traces, tensors, timings, refusals. Imported for
 * this effect by the library's entry; nothing above lib/show knows that displays exist.
 */
import { PassRecorder } from "../graph/index.ts";
import {
  type GraphFunc,
  graphFuncMethods,
  type IRModule,
  moduleMethods,
  type PrimFunc,
  primFuncMethods,
} from "../ir/index.ts";
import { Built, DeviceList, Profile, Tensor, Timing } from "../runtime/index.ts";
import { Schedule, ScheduleError, Trace } from "../schedule/index.ts";
import { comparisonViews, compilerViews, valueKind } from "./compiler-views.ts";
import { devicesBundle } from "./devices.ts";
import { DISPLAY, type Displayable, type MimeBundle } from "./display.ts";
import { executableBundle } from "./executable.ts";
import { scheduleBundle } from "./history.ts";
import { passesBundle } from "./passes-view.ts";
import { profileBundle } from "./profile-view.ts";
import { scheduleErrorBundle } from "./schedule-error.ts";
import { source } from "./source.ts";
import { tensorBundle } from "./tensor.ts";
import { timingBundle } from "./timing.ts";
import { tuningCurve } from "./tuning-plots.ts";
import { programBundle, type ShowOptions, show } from "./view.ts";

declare module "../ir/func.ts" {
  interface PrimFuncMethods {
    /** The function, to be shown: its script, its loop tree or both. */
    show(options?: ShowOptions): Displayable;
    [DISPLAY](): MimeBundle;
  }
  interface IRModuleMethods {
    /** The module, to be shown: its script, its loop trees or both. */
    show(options?: ShowOptions): Displayable;
    [DISPLAY](): MimeBundle;
  }
}
declare module "../ir/graph.ts" {
  interface GraphFuncMethods {
    /** The function, to be shown as its script. */
    show(options?: ShowOptions): Displayable;
    [DISPLAY](): MimeBundle;
  }
}
declare module "../schedule/schedule.ts" {
  interface Schedule {
    /** The program as it is now, and each step as a diff. */
    [DISPLAY](): MimeBundle;
  }
}
declare module "../graph/recorder.ts" {
  interface PassRecorder {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../runtime/vm/profile.ts" {
  interface Profile {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../schedule/trace.ts" {
  interface Trace {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../schedule/error.ts" {
  interface ScheduleError {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../runtime/tensor.ts" {
  interface Tensor {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../runtime/webgpu/devices.ts" {
  interface DeviceList {
    [DISPLAY](): MimeBundle;
  }
}
declare module "../runtime/timing.ts" {
  interface Timing {
    [DISPLAY](): MimeBundle;
  }
}

/** A method that neither `for … in` nor a structural comparison sees. */
function method(on: object, name: string | symbol, value: (this: never, ...args: never[]) => unknown): void {
  Object.defineProperty(on, name, { value, configurable: true, writable: true });
}

for (const methods of [primFuncMethods, graphFuncMethods, moduleMethods]) {
  method(methods, DISPLAY, function (this: PrimFunc | GraphFunc | IRModule) {
    return programBundle(this);
  });
  method(methods, "show", function (this: PrimFunc | GraphFunc | IRModule, options?: ShowOptions) {
    return show(this, options);
  });
}
method(Schedule.prototype, DISPLAY, function (this: Schedule) {
  return scheduleBundle(this);
});
method(Trace.prototype, DISPLAY, function (this: Trace) {
  return source(this.script(), "ts", { title: "Trace" })[DISPLAY]();
});
method(ScheduleError.prototype, DISPLAY, function (this: ScheduleError) {
  return scheduleErrorBundle(this);
});
method(Built.prototype, DISPLAY, function (this: Built) {
  return executableBundle(this);
});
method(Tensor.prototype, DISPLAY, function (this: Tensor) {
  return tensorBundle(this);
});
method(PassRecorder.prototype, DISPLAY, function (this: PassRecorder) {
  return passesBundle(this);
});
method(Profile.prototype, DISPLAY, function (this: Profile) {
  return profileBundle(this);
});
method(DeviceList.prototype, DISPLAY, function (this: DeviceList) {
  return devicesBundle(this);
});
method(Timing.prototype, DISPLAY, function (this: Timing) {
  return timingBundle([this]);
});

/** Where a host of cells finds the table of views: it need not load this library to ask whether a value has any. */
Object.defineProperty(globalThis, Symbol.for("tilewright.views"), {
  value: { compilerViews, comparisonViews, valueKind, tuningCurve },
  configurable: true,
});

// Runs in Jupyter Notebook's page, which loads it as the user's custom script: gives the page ipywidgets' own models and
// views, as ipywidgets' extensions for JupyterLab and the notebook do. `widgets.js` beside it is the build that comes with
// @jupyter-widgets/html-manager.
define([
  "base/js/namespace",
  "base/js/events",
  "notebook/js/outputarea",
  "base/js/utils",
  "services/kernels/comm",
], (Jupyter, events, { OutputArea }, utils, { Comm }) => {
  const mime = "application/vnd.jupyter.widget-view+json";
  const base = utils.get_body_data("baseUrl");
  window.requirejs.config({ paths: { "@jupyter-widgets/html-manager": `${base}custom/widgets` } });
  const loaded = new Promise((resolve, reject) =>
    window.requirejs(["@jupyter-widgets/html-manager"], resolve, reject),
  );

  /** The manager of a kernel's models: their comms are the page's. */
  async function managerOf(kernel) {
    const { HTMLManager } = await loaded;
    class Manager extends HTMLManager {
      /** What a control's listeners print belongs below its cell. */
      callbacks(view) {
        return view?.options.cell?.get_callbacks() ?? super.callbacks(view);
      }

      async _create_comm(target, id, data, metadata, buffers) {
        if (data === undefined && metadata === undefined) {
          // The kernel has it already.
          const comm = new Comm(target, id);
          kernel.comm_manager.register_comm(comm);
          return comm;
        }
        return kernel.comm_manager.new_comm(target, data, undefined, metadata, id, buffers);
      }

      _get_comm_info() {
        return new Promise((resolve) =>
          kernel.comm_info("jupyter.widget", (reply) => resolve(reply.content.comms)),
        );
      }
    }
    const manager = new Manager();
    kernel.comm_manager.register_target("jupyter.widget", (comm, message) =>
      manager.handle_comm_open(comm, message),
    );
    // A page that is opened again finds the models that the kernel has.
    await new Promise((resolve) => {
      const wait = () => (kernel.is_connected() ? resolve() : setTimeout(wait, 20));
      wait();
    });
    await manager._loadFromKernel();
    return manager;
  }

  function register(manager) {
    OutputArea.prototype.register_mime_type(
      mime,
      function (data, metadata, element) {
        const area = this.create_output_subarea(metadata, "jupyter-widgets-view", mime);
        element.append(area);
        const cell = Jupyter.notebook.get_cells().find(({ output_area }) => output_area === this);
        manager.get_model(data.model_id).then(async (model) => {
          const view = await manager.create_view(model, { cell });
          if (area[0].isConnected) await manager.display_view(view, area[0]);
        });
        return area;
      },
      { safe: true, index: 0 },
    );
    // Outputs of a saved notebook were drawn before there was a kernel.
    for (const { output_area: area } of Jupyter.notebook.get_cells()) {
      const outputs = area?.toJSON() ?? [];
      if (!outputs.some(({ data }) => data?.[mime])) continue;
      area.clear_output();
      area.fromJSON(outputs);
    }
    // The test waits for this before it runs cells.
    window.widgetManager = manager;
  }

  const begin = (kernel) => managerOf(kernel).then(register);
  if (Jupyter.notebook?.kernel) begin(Jupyter.notebook.kernel);
  else events.on("kernel_created.Session", (_, { kernel }) => begin(kernel));
});

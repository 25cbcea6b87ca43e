/** Configuration of the OHIF viewer (tested with 3.13.2), on a port of its own of MammoTrack's host. */
window.config = {
  routerBasename: "/",
  showStudyList: true,
  extensions: [],
  modes: [],
  defaultDataSourceName: "mammotrack",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "mammotrack",
      configuration: {
        friendlyName: "MammoTrack",
        name: "mammotrack",
        qidoRoot: "/dicomweb",
        wadoRoot: "/dicomweb",
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        supportsReject: false,
        supportsStow: false,
        dicomUploadEnabled: false,
        enableStudyLazyLoad: true,
        singlepart: false,
        imageRendering: "wadors",
        thumbnailRendering: "thumbnail",
        acceptHeader: [
          'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        ],
        omitQuotationForMultipartRequest: false,
      },
    },
  ],
};

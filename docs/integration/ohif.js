/** Configuration of the OHIF viewer (3.9 and later), served on the same host as MammoTrack. */
window.config = {
  routerBasename: "/ohif",
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
        thumbnailRendering: "wadors",
        acceptHeader: [
          'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        ],
        omitQuotationForMultipartRequest: false,
      },
    },
  ],
};

-- Sends each mammography study to MammoTrack once no picture of it has arrived for StableAge
-- seconds. Sent twice, a study changes nothing there, so nothing has to be remembered here.

function OnStableSeries(series, tags, metadata)
   if tags["Modality"] ~= "MG" then
      return
   end
   -- A job of Orthanc's: it shows in its list of jobs, and can be sent again from there.
   RestApiPost(
      "/dicom-web/servers/mammotrack/stow",
      DumpJson({ Resources = { series }, Synchronous = false }, true),
      false
   )
end
